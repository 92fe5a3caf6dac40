"""What turns handlers into services: the worker, settings, the run file, logs, traces."""
