"""Short jobs: one module a kind, with its models and the part of the client that serves it."""
