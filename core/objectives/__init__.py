"""What the objectives of several tasks share, and their contract with the training loop (`base.py`)."""
