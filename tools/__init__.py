"""What ``./run`` is made of: installing, checking, testing, locking."""
