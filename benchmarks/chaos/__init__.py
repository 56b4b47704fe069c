"""Injects random faults while real jobs train, then checks that nothing was lost."""
