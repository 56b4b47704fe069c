"""Measures whether a task learns: its encoder against the same network untrained, on labelled held-out samples."""
