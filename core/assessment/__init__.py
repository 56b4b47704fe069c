"""Evaluates checkpoints on datasets, with confidence intervals, and compares two checkpoints on the same samples."""
