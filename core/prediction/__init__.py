"""Answers predictions of trained checkpoints, without the data that they were trained on."""
