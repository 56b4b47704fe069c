"""Checkpoints in other formats than the one that training writes."""
