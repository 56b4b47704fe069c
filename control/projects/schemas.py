"""HTTP schemas of projects."""

from datetime import datetime
from typing import Literal

from control.schemas import Resource


class ProjectOut(Resource):
    object: Literal["project"] = "project"
    id: str
    name: str
    created_at: datetime
