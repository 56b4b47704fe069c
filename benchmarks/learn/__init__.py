"""Whether a task learns: its encoder against the same network untrained, on held-out samples with labels."""
