"""The pretraining engine: tensors, files and a job's spec; no web, no database, no queue."""
