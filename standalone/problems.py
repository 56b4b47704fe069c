"""`ProblemError`: the error that ends a command with a message for the operator."""


class ProblemError(RuntimeError):
    """A command cannot continue. The message says what to do; it is printed as it is, and the exit code is 1."""
