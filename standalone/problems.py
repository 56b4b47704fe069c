"""What a command cannot go on with, in one sentence that says what to do."""


class ProblemError(RuntimeError):
    """Printed as it is; the command then ends with exit code 1."""
