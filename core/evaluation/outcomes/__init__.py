"""Predictions of samples beside what is true: their measures, the same measures of any resample of them, and their reports."""
