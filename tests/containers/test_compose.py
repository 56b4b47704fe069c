"""docker-compose.yml against the code: every command, variable, address, port and secret in it is real."""

import re
import shutil
import subprocess
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer
import yaml
from typer.exceptions import TyperException

from control.broker import broker_url
from control.settings import Settings
from control.storage import open_storage
from standalone.cli import app
from tests.containers.conftest import ROOT, VARIABLE, Stage, example, interpolate

PORTS = {"postgres": 5432, "redis": 6379, "storage": 8333}
"""Ports of the third-party images."""


def test_every_command_is_a_command_of_the_server(compose: dict[str, Any]):
    checked = [service["command"] for service in servers(compose).values()]
    assert len(checked) == len(servers(compose))
    for command in checked:
        parse(command)


def test_the_image_starts_the_server(dockerfile: dict[str, Stage]):
    assert dockerfile[""].last("ENTRYPOINT").words() == ["seedbed-server"]
    parse(dockerfile[""].last("CMD").words())


def test_the_command_in_its_comment_exists(compose_text: str):
    (told,) = re.findall(r"docker compose run --rm api (.+?)  ", compose_text)
    parse(told.split())


def test_a_command_that_does_not_exist_would_be_found():
    with pytest.raises(TyperException):
        parse(["serve"])
    with pytest.raises(TyperException):
        parse(["api", "--prot", "8000"])


def test_every_variable_of_the_service_is_a_setting(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    aliases = {str(field.validation_alias) for field in Settings.model_fields.values()}
    for name, service in servers(compose).items():
        ours = {variable for variable in service["environment"] if not variable.startswith("AWS_")}
        assert ours <= aliases, name
        with monkeypatch.context() as patch:
            for variable, value in service["environment"].items():
                patch.setenv(variable, str(value))
            Settings()


def test_every_address_names_a_service_of_the_file_with_its_password(
    compose: dict[str, Any], secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    for service in servers(compose).values():
        environment = service["environment"]
        monkeypatch.setenv("AWS_ENDPOINT_URL", environment["AWS_ENDPOINT_URL"])
        for variable in ("DATABASE_URL", "REDIS_URL", "AWS_ENDPOINT_URL"):
            address = urlsplit(environment[variable])
            assert address.hostname in compose["services"], variable
            assert address.port == PORTS[address.hostname], variable
        database = urlsplit(environment["DATABASE_URL"])
        postgres = compose["services"]["postgres"]["environment"]
        assert database.username == postgres["POSTGRES_USER"]
        assert database.password == postgres["POSTGRES_PASSWORD"] == secrets["POSTGRES_PASSWORD"]
        assert database.path == f"/{postgres['POSTGRES_DB']}"
        assert urlsplit(environment["REDIS_URL"]).password == secrets["REDIS_PASSWORD"]
        assert secrets["REDIS_PASSWORD"] in compose["services"]["redis"]["command"]


def test_celery_takes_the_next_logical_database(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    for variable, value in compose["services"]["api"]["environment"].items():
        monkeypatch.setenv(variable, str(value))
    assert broker_url(Settings()).endswith("@redis:6379/1")


def test_the_storage_opens_and_its_bucket_is_the_one_that_is_made(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    environment = compose["services"]["worker"]["environment"]
    for variable, value in environment.items():
        monkeypatch.setenv(variable, str(value))
    open_storage(environment["STORAGE_URL"])
    storage = compose["services"]["storage"]["environment"]
    assert urlsplit(environment["STORAGE_URL"]).netloc == storage["S3_BUCKET"]
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert environment[variable] == storage[variable]


def test_no_secret_has_a_default(compose_text: str, secrets: dict[str, str]):
    document = yaml.safe_load(compose_text)
    for name in secrets:
        with pytest.raises(KeyError, match=r"set it in \.env"):
            interpolate(document, {other: value for other, value in secrets.items() if other != name})


def test_every_variable_of_the_file_is_explained_in_the_example(compose_text: str):
    used = {match["name"]: match for match in VARIABLE.finditer(compose_text)}
    assert set(used) == set(example())
    for name, match in used.items():
        assert (match["kind"] == ":?") == (example()[name] == ""), name


def test_the_documented_defaults_are_those_of_the_file(compose_text: str):
    shown = dict(re.findall(r"^#([A-Z_]+)=(.*)", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    for match in VARIABLE.finditer(compose_text):
        if match["kind"] == ":-":
            assert match["text"] == shown[match["name"]]


def test_every_dependency_has_a_health_check(compose: dict[str, Any]):
    for service in compose["services"].values():
        for name, wish in service.get("depends_on", {}).items():
            other = compose["services"][name]
            if wish["condition"] == "service_healthy":
                assert other["healthcheck"]["test"]
            else:
                assert wish["condition"] == "service_completed_successfully"
                assert other["restart"] == "no"


def test_the_published_port_is_the_one_that_the_api_opens(
    compose: dict[str, Any], dockerfile: dict[str, Stage]
):
    api = compose["services"]["api"]
    inside = api["ports"][0].rpartition(":")[2]
    assert api["command"] == dockerfile[""].last("CMD").words()
    assert parse(api["command"])["port"] == int(inside)
    assert dockerfile[""].last("EXPOSE").words() == [inside]
    assert api["ports"] == [f"127.0.0.1:8000:{inside}"], "open to this host alone unless asked"


def test_only_the_api_is_published(compose: dict[str, Any]):
    assert [name for name, service in compose["services"].items() if "ports" in service] == ["api"]


def test_every_volume_is_declared_and_holds_persistent_data(compose: dict[str, Any]):
    mounted = {
        mount.partition(":")[0]
        for service in compose["services"].values()
        for mount in service.get("volumes", [])
    }
    assert mounted == set(compose["volumes"])
    for name in PORTS:
        assert compose["services"][name]["volumes"]
    assert compose["services"]["redis"]["command"][1:3] == ["--appendonly", "yes"]


def test_a_worker_is_given_the_time_that_its_engine_needs_to_stop(compose: dict[str, Any]):
    for name in ("worker", "worker-gpu"):
        service = compose["services"][name]
        grace = int(service["stop_grace_period"].removesuffix("s"))
        assert grace > float(service["environment"]["SEEDBED_STOP_GRACE_SECONDS"])


def test_the_gpu_worker_starts_only_with_its_profile(compose: dict[str, Any]):
    worker = compose["services"]["worker-gpu"]
    assert worker["profiles"] == ["gpu"]
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "device_ids": ["0"], "capabilities": ["gpu"]}
    assert parse(worker["command"])["device"] == "cuda"
    assert parse(compose["services"]["worker"]["command"])["device"] == "cpu"


@pytest.mark.container
def test_docker_compose_itself_accepts_the_file(secrets: dict[str, str]):
    if not has_compose():
        pytest.skip("no `docker compose` on this machine")
    done = subprocess.run(
        ["docker", "compose", "--profile", "gpu", "config", "--quiet"],
        cwd=ROOT,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **secrets},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def has_compose() -> bool:
    docker = shutil.which("docker")
    return (
        docker is not None
        and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    )


def servers(compose: dict[str, Any]) -> dict[str, Any]:
    """The services that run this project's image."""
    image = compose["services"]["api"]["image"]
    found = {name: service for name, service in compose["services"].items() if service["image"] == image}
    assert {"api", "worker", "worker-gpu", "migrate"} == set(found)
    return found


def parse(words: list[str]) -> dict[str, Any]:
    """Parse a command line without running it.

    Raises:
        TyperException: there is no such command or option.
    """
    command: Any = typer.main.get_command(app)
    while True:
        context = command.make_context(command.name, list(words))
        if not hasattr(command, "resolve_command"):
            return context.params
        _, command, words = command.resolve_command(context, words)
