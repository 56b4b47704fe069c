"""Shows the inputs of a job's networks for a few samples, before the job runs."""
