"""The loop on a real node: `make cluster-test`."""
