"""Short jobs: one module for each kind, with its models and the client's methods for it."""
