"""The tasks: one folder each, with its spec (no torch) and its objective; `registry` lists them."""
