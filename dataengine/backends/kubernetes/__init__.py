"""Training as Jobs of Kubernetes."""
