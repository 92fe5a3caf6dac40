"""Training in child processes of this machine."""
