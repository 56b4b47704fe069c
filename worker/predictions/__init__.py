"""Answers predictions: a thread of the supervisor's process, and a process of the engine that keeps models loaded."""
