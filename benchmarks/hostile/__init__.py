"""Attacks against a service that the benchmark starts."""
