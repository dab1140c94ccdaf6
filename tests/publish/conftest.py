"""Small sites that grow, an S3 and an SFTP server on loopback, and a project that declares targets."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest
from moto.server import ThreadedMotoServer
from reports.test_site import BASE, FAILED

from analysis.reports.record import Record
from analysis.reports.site import Site
from publish.servers import SECRET, Bucket, Door, Files, SftpServer


class Growing:
    """A site to which runs are added; every page says, in each of its files, of which run it is."""

    def __init__(self, folder: Path, reports: int = 3) -> None:
        self.site, self.runs, self.reports = Site(folder, "https://reports.example/"), 0, reports
        self.site.prepare()

    @property
    def folder(self) -> Path:
        return self.site.folder

    def add(self, **words: object) -> Record:
        self.runs += 1
        number = self.runs
        when = f"2026-01-{1 + number // 1440:02d}T{number // 60 % 24:02d}:{number % 60:02d}:00.000+00:00"
        report = f"report{number % self.reports}"
        base = replace(
            BASE, id=f"{report}-{number:012x}", report=report, title=f"Report {number}", finished=when,
            checked=when, data_as_of=when[:16],
            contents=[{"content_id": f"{number % 5:016x}", "url": f"https://a.example/{number % 5}",
                       "title": f"Content {number % 5}"}],
        )  # fmt: skip
        record = replace(base, **words)  # type: ignore[arg-type]
        staged = self.site.stage(record.id)
        look = self.site.assets()
        links = (
            f'<link rel="stylesheet" href="../../assets/{look["report.css"]}"><script src="run.js"></script>'
        )
        page = f'{links}<a href="../../index.html">all</a><a href="figure.csv">{record.id}</a>'
        (staged / "index.html").write_text(f"<!DOCTYPE html><title>{record.id}</title>{page}")
        (staged / "figure.csv").write_text(f"run\n{record.id}\n" + "1234567890\n" * 50)
        return self.site.publish(record, staged)

    def fail(self) -> Record:
        return self.add(
            status="failed",
            error=FAILED,
            title="Broken",
            id=f"report0-{self.runs + 1:012x}-failed",
            report="report0",
        )


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


_numbers = iter(range(1_000_000))


@pytest.fixture
def bucket(moto: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket, and the environment that leads to it."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": moto, "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    made = Bucket(moto, f"reports-{os.getpid()}-{next(_numbers)}")
    made.client().create_bucket(Bucket=made.name)
    return made


@pytest.fixture
def sftp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SftpServer]:
    """An SFTP server with a folder, its key among those known."""
    root = tmp_path / "remote"
    root.mkdir()
    key = paramiko.ECDSAKey.generate()
    listener = socket.create_server(("127.0.0.1", 0))
    server = SftpServer(root, listener.getsockname()[1], key, tmp_path / "known_hosts")
    server.hosts.write_text(f"[127.0.0.1]:{server.port} {key.get_name()} {key.get_base64()}\n")

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
            server.transports.append(transport)
            with contextlib.suppress(Exception):
                transport.start_server(server=Door(root))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    monkeypatch.setenv("VIRALITY_SFTP_PASSWORD", SECRET)
    monkeypatch.setenv("VIRALITY_SFTP_KNOWN_HOSTS", str(server.hosts))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        server.cut()
        thread.join(5)


@pytest.fixture(autouse=True)
def _without_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sync", lambda: None)  # what is killed here is processes, not machines


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own, in which a target can be declared."""
    (tmp_path / "virality.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIRALITY_SITE", str(tmp_path / "site"))
    return tmp_path


@pytest.fixture
def declare(home: Path) -> Callable[..., str]:
    """Writes a target into virality.toml; its name."""

    def _declare(url: str, grace_days: float = 7, production: str = "true", name: str = "public") -> str:
        line = f'[targets.{name}]\nurl = "{url}"\nproduction = {production}\ngrace_days = {grace_days}\n'
        (home / "virality.toml").write_text(line)
        return name

    return _declare


@pytest.fixture
def growing(home: Path) -> Growing:
    site = Growing(home / "site")
    for _ in range(4):
        site.add()
    return site
