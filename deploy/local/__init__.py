"""Gets and starts the real servers on this machine, as processes or in containers: for `make up` and the tests."""
