"""Gets and starts the real servers on this machine, as processes or containers: for `make up` and for the tests."""
