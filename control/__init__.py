"""The control plane: the database records of jobs, datasets, workers and keys, and the rules for changing them."""
