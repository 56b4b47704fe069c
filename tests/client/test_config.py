"""Which service and which key the client uses."""

import json
from pathlib import Path

import pytest
from seedbed import NotConfigured, config


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable is set, and no file is there."""
    for name in ("SEEDBED_URL", "SEEDBED_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SEEDBED_CONFIG", str(tmp_path / "config" / "client.json"))
    monkeypatch.setenv("SEEDBED_HOME", str(tmp_path / "home"))


def test_without_a_key_the_error_says_what_to_do() -> None:
    with pytest.raises(NotConfigured, match="seedbed login"):
        config.resolve()


def test_arguments_take_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    config.write(config.Config("https://kept.example", "sb_kept"))
    assert config.resolve() == config.Config("https://kept.example", "sb_kept")
    monkeypatch.setenv("SEEDBED_KEY", "sb_env")
    assert config.resolve() == config.Config("https://kept.example", "sb_env")
    monkeypatch.setenv("SEEDBED_URL", "https://env.example/")
    assert config.resolve() == config.Config("https://env.example", "sb_env")
    assert config.resolve("https://here.example", "sb_here") == config.Config(
        "https://here.example", "sb_here"
    )


def test_a_stored_key_is_sent_only_to_its_own_service(monkeypatch: pytest.MonkeyPatch) -> None:
    config.write(config.Config("https://kept.example", "sb_kept"))
    with pytest.raises(NotConfigured, match=r"no key for https://other\.example"):
        config.resolve("https://other.example")
    assert config.resolve("https://kept.example/").key == "sb_kept"


def test_a_service_of_this_machine_is_found(tmp_path: Path) -> None:
    local = config.Config("http://127.0.0.1:8123", "sb_local")
    config.write(local, config.local_service_file())
    assert config.resolve() == local
    config.write(config.Config("https://kept.example", "sb_kept"))
    assert config.resolve().url == "https://kept.example"
    assert config.resolve(local.url) == local


def test_only_this_user_can_read_the_stored_key() -> None:
    path = config.write(config.Config("https://kept.example", "sb_kept"))
    config.write(config.Config("https://kept.example", "sb_newer"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == {"url": "https://kept.example", "key": "sb_newer"}
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '{"url": "ftp://x", "key": "k"}', '{"url": 1, "key": "k"}']
)
def test_an_invalid_file_counts_as_absent(content: str) -> None:
    path = config.config_file()
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(NotConfigured):
        config.resolve()


@pytest.mark.parametrize("url", ["example.org", "ftp://example.org", "http://", "localhost:8000"])
def test_an_invalid_url_is_refused(url: str) -> None:
    with pytest.raises(NotConfigured, match="is not the URL of a service"):
        config.resolve(url, "sb_x")
