"""The argument that names a job on the command line."""

from typing import Annotated

import typer

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id, as job_….")]
