"""Files that are damaged or made to harm, into the readers of uploads: ``./run bench malformed``."""
