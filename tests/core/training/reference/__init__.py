"""A reference implementation of training in plain torch, with which the engine's runs are compared number by number."""
