"""The HTTP routes, one module for each resource; each calls its service in ``control``."""
