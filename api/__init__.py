"""The HTTP interface: requests in, answers out; what they mean is decided in ``control``."""
