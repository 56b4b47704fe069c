"""Feeds damaged and malicious files to the readers of uploads: ``./run bench malformed``."""
