"""Pretraining tasks, one file each, behind one contract (`base.py`)."""
