"""Records, dataset, mixture, recipe, the trainer, and the job that runs it here or elsewhere."""
