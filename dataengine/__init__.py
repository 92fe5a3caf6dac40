"""The closed-loop data engine: what the services share."""
