"""Measures of a model, as pure functions of sums and counts."""
