"""Runs the whole service on one machine with one command."""
