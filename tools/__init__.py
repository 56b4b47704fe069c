"""The commands behind ``./run``: install, check, test, lock."""
