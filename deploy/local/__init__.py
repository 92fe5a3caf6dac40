"""Gets and starts the real servers on this machine, without containers: for `make up` and for the tests."""
