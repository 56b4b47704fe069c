"""Estimates the time, memory and FLOPs of a job from a few of its real steps."""
