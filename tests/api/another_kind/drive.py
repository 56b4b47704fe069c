"""A process of the service with a further kind of short job; prints as JSON what it did with one.

It takes the modules of `control` and `api` beside it for parts of the service, as if they had been added there, and is
a process of its own because the service reads its kinds once.
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import api.routes.short_jobs
import control.short_jobs.kinds

HERE = Path(__file__).parent
control.short_jobs.kinds.__path__.append(str(HERE / "control"))
api.routes.short_jobs.__path__.append(str(HERE / "api"))

from fastapi.testclient import TestClient  # noqa: E402 - the service shall find the kind as it is imported

from api.app import create_app  # noqa: E402
from control.db import create_engine, write  # noqa: E402
from control.jobs import service as jobs  # noqa: E402
from control.settings import Settings  # noqa: E402
from control.short_jobs import retention  # noqa: E402
from control.storage import open_storage  # noqa: E402
from tests.factories import let_pass, make_checkpoint, make_running, make_worker  # noqa: E402

CONTENT = b"embeddings 4\n"


def finish(settings: Settings, short_job: str) -> jobs.Claim:
    """Act as a worker: put the file into storage and finish the short job."""
    engine = create_engine(settings.database_url)
    prefix = f"jobs/{short_job}/attempt-1/files"
    open_storage(settings.storage_url).put_stream(f"{prefix}/tensors.txt", [CONTENT])
    file = {"path": "tensors.txt", "bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
    with write(engine) as session:
        claim = jobs.claim(session, make_worker(session))
        assert claim
        assert claim.job_id == short_job
        result = {"tensors": 1, "prefix": prefix, "files": [file]}
        jobs.finish(session, short_job, claim.attempt, jobs.Completed(result=result))
    return claim


def main(key: str, project: str) -> dict[str, Any]:
    """Create a short job, wait for it, download its file, and check that it is counted in the usage and then removed."""
    settings = Settings.model_validate({})
    engine = create_engine(settings.database_url)
    with write(engine) as session:
        job, claim = make_running(session, project_id=project)
        checkpoint = make_checkpoint(session, claim, 10)
        jobs.finish(session, job.id, claim.attempt, jobs.Completed())
        job_id, checkpoint_id = job.id, checkpoint.id
    told: dict[str, Any] = {}
    with TestClient(create_app(settings), headers={"Authorization": f"Bearer {key}"}) as client:
        path = f"/v1/checkpoints/{checkpoint_id}/outline"
        told["refused"] = client.post(path, json={"order": "colour"}).json()
        asked = client.post(path, json={"order": "size"}).json()
        told["asked"] = asked
        told["again"] = client.post(path, json={"order": "size"}).json()["id"]
        told["other"] = client.post(path, json={}).json()["id"]
        client.post(f"/v1/outlines/{told['other']}/cancel").raise_for_status()
        told["early"] = client.get(f"/v1/outlines/{asked['id']}/archive").json()
        taken = finish(settings, asked["id"])
        told["claim"] = {"purpose": taken.purpose, "options": taken.options, "bytes": taken.memory_bytes}
        told["done"] = client.get(f"/v1/outlines/{asked['id']}", params={"wait": 10}).json()
        told["listed"] = [row["id"] for row in client.get(f"/v1/jobs/{job_id}/outlines").json()["data"]]
        told["file"] = client.get(f"/v1/outlines/{asked['id']}/files/tensors.txt").text
        told["usage"] = client.get("/v1/usage").json()["exports"]
        told["missing"] = client.get("/v1/outlines/out_00000000000000000000000000").json()
        told["document"] = client.get("/openapi.json").json()
        with write(engine) as session:
            let_pass(session, 3601)
        told["forgotten"] = retention.forget_old(engine, open_storage(settings.storage_url))
        told["gone"] = client.get(f"/v1/outlines/{asked['id']}").status_code
    engine.dispose()
    return told


if __name__ == "__main__":
    result = main(*sys.argv[1:])
    with os.fdopen(os.dup(1), "w") as out:
        json.dump(result, out)
