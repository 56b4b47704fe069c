"""Attacks against a service of the benchmark's own."""
