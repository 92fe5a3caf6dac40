"""Gets and starts the real servers on this machine, without containers or with them: for `make up` and for the tests."""
