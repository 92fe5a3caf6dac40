"""Bad cases, the run's history and the round's decision."""
