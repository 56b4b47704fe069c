"""Measures what is forgotten when a network learns one stage after another, and what methods against it save."""
