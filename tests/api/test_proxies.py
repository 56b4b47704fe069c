"""The configurations for nginx and Caddy in ``docs/proxy``, each in front of a service of the test, over TLS."""

import contextlib
import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import Engine

from control.db import write
from control.settings import Settings
from standalone.network import free_port
from tests.api.conftest import Keys, Stored, problem
from tests.api.test_connections import PATIENT, serving
from tests.api.test_stream import Running, listening
from tests.factories import make_running
from worker.parent_death import dies_with_parent

CONFIGURATIONS = Path(__file__).parents[2] / "docs" / "proxy"
NAME = "seedbed.example.org"


@dataclass
class Proxy:
    """One that runs."""

    kind: str
    url: str
    port: int
    plain_port: int
    context: ssl.SSLContext

    def client(self, key: str | None = None) -> httpx.Client:
        headers = {"Host": NAME} | ({"Authorization": f"Bearer {key}"} if key else {})

        def name_server(request: httpx.Request) -> None:
            request.extensions["sni_hostname"] = NAME

        return httpx.Client(
            base_url=self.url,
            headers=headers,
            verify=self.context,
            event_hooks={"request": [name_server]},
            timeout=60,
            trust_env=False,
        )

    def connect(self) -> ssl.SSLSocket:
        return self.context.wrap_socket(
            socket.create_connection(("127.0.0.1", self.port), timeout=60), server_hostname=NAME
        )


def replaced(text: str, changes: dict[str, str]) -> str:
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


def certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for the name, signed by itself, and its key."""
    found, key = directory / "fullchain.pem", directory / "key.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"),
            *("-keyout", key, "-out", found),
        ],
        check=True,
        capture_output=True,
    )
    return found, key


def nginx(directory: Path, upstream: str, ports: tuple[int, int]) -> list[str]:
    """The command that runs nginx with our configuration and short time limits."""
    found, key = certificate(directory)
    text = replaced(
        (CONFIGURATIONS / "nginx.conf").read_text(),
        {
            "127.0.0.1:8000": upstream,
            "/etc/ssl/seedbed/fullchain.pem": str(found),
            "/etc/ssl/seedbed/key.pem": str(key),
            "pid /run/nginx.pid;": f"pid {directory}/pid;",
            "http {": "http {\n"
            + "".join(
                f"    {name}_temp_path {directory}/{name};\n"
                for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            ),
            "        listen [::]:80;\n": "",
            "        listen [::]:443 ssl http2;\n": "",
            "listen 443": f"listen 127.0.0.1:{ports[0]}",
            "listen 80": f"listen 127.0.0.1:{ports[1]}",
            "client_header_timeout 15s": "client_header_timeout 1s",
        },
    )
    file = directory / "nginx.conf"
    file.write_text(text)
    return ["nginx", "-p", str(directory), "-c", str(file), "-g", "daemon off;"]


def caddy(directory: Path, upstream: str, ports: tuple[int, int]) -> list[str]:
    """The same of Caddy."""
    found, key = certificate(directory)
    text = replaced(
        (CONFIGURATIONS / "Caddyfile").read_text(),
        {
            "127.0.0.1:8000": upstream,
            "{\n\tservers {": f"{{\n\tadmin off\n\thttps_port {ports[0]}\n\thttp_port {ports[1]}\n\tservers {{",
            f"\n{NAME} {{": f"\n{NAME} {{\n\ttls {found} {key}",
            "read_header 15s": "read_header 1s",
        },
    )
    file = directory / "Caddyfile"
    file.write_text(text)
    return ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"]


KINDS: dict[str, Callable[[Path, str, tuple[int, int]], list[str]]] = {"nginx": nginx, "caddy": caddy}


@pytest.fixture(params=list(KINDS))
def proxy(
    request: pytest.FixtureRequest, engine: Engine, environment: Settings, tmp_path: Path
) -> Iterator[Proxy]:
    kind = request.param
    for program in (kind, "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} on this machine (Debian and Ubuntu: apt install {program})")
    ports = free_port("127.0.0.1", 0), free_port("127.0.0.1", 0)
    directory = tmp_path / kind
    directory.mkdir()
    with serving(environment, PATIENT) as url, (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            KINDS[kind](directory, urlsplit(url).netloc, ports),
            env={"PATH": os.environ["PATH"], "HOME": str(directory), "XDG_DATA_HOME": str(directory)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=dies_with_parent(),  # noqa: PLW1509 - one prctl, resolved beforehand
        )
        try:
            context = ssl.create_default_context(cafile=directory / "fullchain.pem")
            found = Proxy(kind, f"https://127.0.0.1:{ports[0]}", *ports, context)
            _await(found, process, directory / "log")
            yield found
        finally:
            process.kill()  # on SIGTERM, Caddy would first wait for open streams
            process.wait()


def _await(proxy: Proxy, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), proxy.connect():
            return
        time.sleep(0.05)
    pytest.fail(f"{proxy.kind} did not start:\n{log.read_text(errors='replace')}")


@pytest.fixture
def key(api_keys: Keys, project_id: str) -> str:
    return api_keys.make(project_id, "admin")


def test_tls_makes_the_cookie_secure(proxy: Proxy, key: str) -> None:
    with proxy.client() as client:
        opened = client.post(
            "/v1/session", json={"key": key}, headers={"X-Forwarded-Proto": "http", "Forwarded": "proto=http"}
        )
        assert opened.status_code == 200
        assert "secure" in opened.headers["set-cookie"].lower()
        assert client.get("/v1/session").json()["expires_at"]
        assert "max-age" in client.get("/").headers["strict-transport-security"]


def test_plain_http_is_sent_to_https(proxy: Proxy) -> None:
    address = f"http://127.0.0.1:{proxy.plain_port}/v1/jobs"
    moved = httpx.get(address, headers={"Host": NAME}, trust_env=False)
    assert moved.status_code == 308
    assert moved.headers["location"].startswith("https://")


def test_metrics_are_not_served_through_the_proxy(proxy: Proxy) -> None:
    with proxy.client() as client:
        assert client.get("/metrics").status_code == 404
        assert client.get("/healthz").status_code == 200


def test_a_forged_client_address_is_ignored(proxy: Proxy) -> None:
    with proxy.client() as client:
        for number in range(10):
            made_up = {"X-Forwarded-For": f"203.0.113.{number}"}
            sent = {"key": f"sb_{number:08}" + "x" * 35}
            problem(client.post("/v1/session", json=sent, headers=made_up), 401, "key_unknown")
        refused = client.post("/v1/session", json={"key": "sb_" + "y" * 43})
        problem(refused, 429, "sign_in_throttled")


def test_an_event_stream_arrives_as_it_is_written(
    proxy: Proxy, key: str, engine: Engine, project_id: str
) -> None:
    with write(engine) as session:
        job = Running(engine, make_running(session, project_id=project_id)[1])
    with proxy.client(key) as client, listening(client, job) as stream:
        messages = iter(stream)
        assert next(messages).event == "job"
        for step in range(1, 6):
            job.log(step)
            # If the proxy buffered some kilobytes, this would wait for ever.
            while (message := next(messages)).event != "metrics":
                pass
            assert message.data["step"] == step


def test_a_large_upload_and_parts_of_a_download(proxy: Proxy, key: str, checkpoint: Stored) -> None:
    content = b"".join(b"Document %d of a corpus.\n\n\n" % number for number in range(1_200_000))
    with proxy.client(key) as client:
        dataset = client.post("/v1/datasets", json={"name": "large"}).json()["id"]
        sent = client.put(
            f"/v1/datasets/{dataset}/files/corpus.txt",
            content=(content[at : at + 65536] for at in range(0, len(content), 65536)),
        )
        assert sent.status_code == 201, sent.text
        assert sent.json()["sha256"] == hashlib.sha256(content).hexdigest()
        weights = checkpoint.files["model.safetensors"]
        part = client.get(checkpoint.url(), headers={"Range": "bytes=1000000-1999999"})
        assert (part.status_code, part.content) == (206, weights[1_000_000:2_000_000])
        assert client.get(checkpoint.url()).content == weights


def test_a_head_that_does_not_end_is_cut(proxy: Proxy) -> None:
    with proxy.connect() as connection:
        connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {NAME}\r\nX-Slow: ".encode())
        with contextlib.suppress(OSError):
            while connection.recv(65536):
                pass


def test_a_head_that_is_too_large_is_refused(proxy: Proxy) -> None:
    with proxy.client() as client:
        answer = client.get("/healthz", headers={"X-Large": "x" * 60_000})
        assert answer.status_code in {400, 431}
