"""One file a thing; each speaks to its service in ``control``."""
