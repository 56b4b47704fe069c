"""The control plane: the records of what was asked for and what became of it, and the rules they obey."""
