"""Rows from before texts had limits: too long ones are cut or removed, and the database then enforces the limits."""

import json
from typing import Any

import pytest
from sqlalchemy import Connection, NullPool, text
from sqlalchemy import create_engine as sqlalchemy_engine
from sqlalchemy.exc import IntegrityError

from control.migrate import check_models, upgrade
from core.spec.job import JobSpec

LONG = "x" * 1_000_000


def _insert(connection: Connection, table: str, **values: Any) -> None:
    given = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in values.items()}
    names = ", ".join(given)
    places = ", ".join(f":{name}" for name in given)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), given)


def _spec(**changes: Any) -> dict[str, Any]:
    plain = {"name": "a", "task": {"kind": "masked_lm"}, "training": {"steps": 5}}
    return JobSpec.model_validate(plain).model_dump(mode="json") | changes


def test_values_that_are_too_long_are_shortened(empty_database_url: str) -> None:
    upgrade(empty_database_url, "0008")
    engine = sqlalchemy_engine(empty_database_url, poolclass=NullPool)
    spec = _spec(name="a\u0085b")
    spec["data"]["text_column"] = LONG
    with engine.begin() as connection:
        _insert(connection, "projects", id="proj_1", name="p")
        _insert(connection, "datasets", id="ds_1", project_id="proj_1", name="d" * 300)
        _insert(
            connection,
            "dataset_files",
            dataset_id="ds_1",
            name="a.jsonl",
            bytes=1,
            sha256="0",
            object_key="k",
            report={"kind": "jsonl", "text_column": LONG * 5},
        )
        _insert(
            connection,
            "jobs",
            id="job_1",
            project_id="proj_1",
            dataset_id="ds_1",
            name="a\u0085b",
            spec=spec,
            steps=5,
        )
    upgrade(empty_database_url)
    check_models(empty_database_url)
    with engine.connect() as connection:
        job = connection.execute(text("SELECT name, spec FROM jobs")).one()
        assert job.name == job.spec["name"] == "a\ufffdb"
        assert JobSpec.model_validate(job.spec).data.text_column is None
        assert connection.scalar(text("SELECT name FROM datasets")) == "d" * 255
        report = connection.scalar(text("SELECT report FROM dataset_files"))
        assert report == {"kind": "jsonl", "text_column": None}


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("projects", {"name": "x" * 256}),
        ("projects", {"name": ""}),
        ("datasets", {"name": "x" * 256}),
        ("datasets", {"statistics": {"a": LONG * 5}}),
        ("dataset_files", {"name": "\u00e9" * 128}),
        ("dataset_files", {"report": {"a": LONG * 5}}),
        ("jobs", {"name": "x" * 256}),
        ("jobs", {"spec": {"a": LONG}}),
    ],
)
def test_the_database_enforces_the_lengths(database_url: str, table: str, change: dict[str, Any]) -> None:
    rows: dict[str, dict[str, Any]] = {
        "projects": {"id": "proj_1", "name": "p"},
        "datasets": {"id": "ds_1", "project_id": "proj_1", "name": "d"},
        "dataset_files": {"dataset_id": "ds_1", "name": "a", "bytes": 1, "sha256": "0", "object_key": "k"},
        "jobs": {
            "id": "job_1",
            "project_id": "proj_1",
            "dataset_id": "ds_1",
            "name": "j",
            "spec": {},
            "steps": 1,
        },
    }
    engine = sqlalchemy_engine(database_url, poolclass=NullPool)
    with engine.begin() as connection:
        for name, row in rows.items():
            if name == table:
                with pytest.raises(IntegrityError, match="length"), connection.begin_nested():
                    _insert(connection, name, **row | change)
                break
            _insert(connection, name, **row)
