"""Measures what pretraining is worth: fine-tuning from our own encoder against the same from fresh weights."""
