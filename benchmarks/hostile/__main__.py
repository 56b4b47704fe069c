"""Hostile: attacks a service, and measures its health, memory, answers to other projects, and secrets in its logs."""

import argparse

import httpx
from prometheus_client.parser import text_string_to_metric_families

import control.models  # noqa: F401 - SQLAlchemy needs every table that a foreign key refers to
from benchmarks._harness import PeakMemory, Running, report, service
from benchmarks._processes import run
from benchmarks.hostile import registry
from benchmarks.hostile.bystanders import PROBE_SECONDS, UPLOAD_SECONDS, Answered, Bystander, probe, upload
from benchmarks.hostile.delivery import Outcome, deliver
from benchmarks.hostile.memory import ChildrenMemory
from benchmarks.hostile.target import Target, expect
from control.db import create_engine, write
from control.keys import service as keys
from control.keys.schemas import Scope
from control.projects import service as projects

STORAGE_FULL = 507
"""The only status above 499 that an attack may get: documented for a full disk or quota."""


def main() -> int:
    """Run the attacks one after another; figures on the last line; 1 if an attack was not delivered."""
    parser = argparse.ArgumentParser(prog="./run bench hostile", description=__doc__)
    parser.add_argument("attacks", nargs="*", help=f"names (default: all of {', '.join(registry.names())})")
    arguments = parser.parse_args()
    unknown = set(arguments.attacks) - set(registry.names())
    if unknown:
        parser.error(
            f"there is no attack {', '.join(sorted(unknown))}; there are {', '.join(registry.names())}"
        )
    with service() as running:
        target, neighbour = _projects(running)
        dataset = target.dataset(httpx.Client(base_url=running.url, headers=_bearer(neighbour)), "notes")
        memory = PeakMemory(running.api)
        memory.restart()
        with (
            ChildrenMemory(running.api) as children,
            Bystander(probe, running.url, {}, PROBE_SECONDS) as prober,
            Bystander(
                upload, f"{running.url}/v1/datasets/{dataset}/", _bearer(neighbour), UPLOAD_SECONDS
            ) as uploader,
        ):
            outcomes = [deliver(name, target) for name in arguments.attacks or registry.names()]
            probes, uploads = prober.end(), uploader.end()
        api_peak_mb = memory.peak_mb
        errors = _server_errors(running, probes + uploads)
        # A new key is printed once on the terminal of this machine's user; this is intended.
        log = running.log.read_text(errors="replace").replace(f"shown only once: {running.key}", "", 1)
        secrets = [target.admin, target.write, target.read, neighbour, running.key, running.home.secret()]
    leaked = {secret for secret in [*secrets, *target.secrets] if secret in log}
    rows = [(outcome.name, _row(outcome, probes, uploads)) for outcome in outcomes]
    failed = [outcome for outcome in outcomes if outcome.failure]
    report(
        [*rows, *((f"NOT DELIVERED {outcome.name}", str(outcome.failure)) for outcome in failed)],
        {
            "stall_ms_worst": 1000 * max(answer.seconds for answer in probes),
            "api_peak_rss_mb": api_peak_mb,
            "neighbour_s_worst": max(answer.seconds for answer in uploads),
            "inspection_peak_mb": children.peak_mb,
            "server_errors": errors,
            "secrets_in_logs": sum(log.count(secret) for secret in leaked),
            "attacks": len(outcomes),
            "not_delivered": len(failed),
        },
    )
    return 1 if failed else 0


def _projects(running: Running) -> tuple[Target, str]:
    """The attacking project, and the key of another project, which only uploads small files."""
    environment = running.home.service()
    assert environment is not None
    engine = create_engine(environment["DATABASE_URL"])
    made: dict[str, str] = {}
    wanted: list[tuple[str, Scope]] = [
        *(("hostile", scope) for scope in ("admin", "write", "read")),
        ("neighbour", "write"),
    ]
    with write(engine) as session:
        for project, scope in wanted:
            _, text = keys.create(
                session,
                projects.ensure(session, project).id,
                f"bench {scope}",
                [scope],
                secret=environment["SEEDBED_SECRET"],
            )
            made[f"{project} {scope}"] = text
    engine.dispose()
    target = Target(
        running.url, admin=made["hostile admin"], write=made["hostile write"], read=made["hostile read"]
    )
    return target, made["neighbour write"]


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _row(outcome: Outcome, probes: list[Answered], uploads: list[Answered]) -> str:
    def worst(answers: list[Answered]) -> float:
        during = (a.seconds for a in answers if a.sent + a.seconds > outcome.begun and a.sent < outcome.ended)
        return max(during, default=0.0)

    return (
        f"stall {1000 * worst(probes):5.0f} ms, neighbour {worst(uploads):6.2f} s, "
        f"{outcome.ended - outcome.begun:5.1f} s: {outcome.what}"
    )


def _server_errors(running: Running, bystanders: list[Answered]) -> int:
    """The number of statuses above 499, of failed requests of bystanders, and of deaths of the API."""
    metrics = httpx.get(f"{running.url}/metrics", timeout=60)
    errors = sum(
        sample.value
        for family in text_string_to_metric_families(expect(metrics, 200).text)
        for sample in family.samples
        if sample.name == "seedbed_http_requests_total" and _is_error(int(sample.labels["status"]))
    )
    failed = sum(answer.status not in {200, 201} for answer in bystanders)
    return int(errors) + failed + running.log.read_text(errors="replace").count("api has died")


def _is_error(status: int) -> bool:
    return status >= httpx.codes.INTERNAL_SERVER_ERROR and status != STORAGE_FULL


if __name__ == "__main__":
    run(main)
