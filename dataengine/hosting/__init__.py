"""The backends as the environment names them: the one place that services and commands open them by."""
