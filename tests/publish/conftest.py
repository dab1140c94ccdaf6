"""Small sites that grow, an S3 and an SFTP server on loopback, and what a reader of a site must never see."""

import contextlib
import html.parser
import json
import os
import re
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import boto3
import paramiko
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer
from reports.test_site import BASE, FAILED

from analysis.reports.record import Record
from analysis.reports.site import Site

SECRET = "secret-4711-never-to-be-seen"


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


class _Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


def links(path: str, data: bytes) -> list[str]:
    """Paths of the site that a file refers to."""
    found: list[str] = []
    if path.endswith(".html"):
        parser = _Links()
        parser.feed(data.decode())
        found = parser.found
    elif path.endswith("run.js"):
        newer = json.loads(data.decode().removeprefix("window.viralityRun=").rstrip(";\n"))["newer"]
        found = [f"../{newer}/index.html"] if newer else []
    elif path == "feed.xml":
        found = re.findall(r'href="https://reports\.example/([^"]+)"', data.decode())
    ours = [one for one in found if not re.match(r"[a-z]+:|#", one)]
    return [os.path.normpath(os.path.join(os.path.dirname(path), one)) for one in ours]


def whole(path: str, data: bytes) -> bool:
    """A file with its end."""
    if path.endswith(".html"):
        text = data.decode()
        return text.startswith("<!DOCTYPE html>") and (
            path.startswith("runs/") or text.rstrip().endswith("</html>")
        )
    if path.endswith("figure.csv"):
        return data.count(b"\n") == 52
    if path.endswith(".json"):
        return bool(json.loads(data))
    return not path.endswith("feed.xml") or data.rstrip().endswith(b"</feed>")


def newest(data: bytes) -> int:
    """The newest run that a page over all runs names."""
    return max(map(int, re.findall(r"Report (\d+)", data.decode())), default=0)


ENTRIES = ("index.html", "feed.xml", "history.html", "contents/index.html")


def mixed(read: Callable[[str], bytes | None], deep: bool = True) -> list[str]:
    """What is wrong with the site as a reader sees it who comes in at the index and follows every link.

    Each file must be whole, each link must lead to something, a run's files must be of that run, and no page
    over all runs may be older than the index by which the reader came.
    """
    wrong, known = [], set()
    index = read("index.html")
    if index is None:
        return ["there is no index"]
    begun = newest(index)
    queue = [("index.html", index)]
    while queue:
        path, data = queue.pop()
        if not whole(path, data):
            wrong.append(f"{path} is torn")
            continue
        if path in ENTRIES and newest(data) < begun:
            wrong.append(f"{path} is older than the index it was reached from")
        run = re.match(r"runs/([^/]+)/(index\.html|figure\.csv)", path)
        if run and run[1].encode() not in data and not run[1].endswith("-failed"):
            wrong.append(f"{path} is of another run")
        for link in links(path, data):
            if link not in known:
                known.add(link)
                found = read(link)
                if found is None:
                    wrong.append(f"{path} leads to {link}, which is not there")
                elif deep or link in ENTRIES or link.startswith("runs/"):
                    queue.append((link, found))
    return wrong


def equal(site: Path, read: Callable[[str], bytes | None]) -> bool:
    """Whether readers have exactly what the site's manifest names."""
    named = json.loads((site / "manifest.json").read_bytes())["files"]
    return all(read(path) == (site / path).read_bytes() for path in [*named, "manifest.json"])


def of(folder: Path) -> Callable[[str], bytes | None]:
    """Reads a folder as a web server does."""

    def read(path: str) -> bytes | None:
        try:
            return (folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    return read


@dataclass
class Bucket:
    endpoint: str
    name: str

    def client(self):
        config = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
        return boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1", config=config)

    def reader(self) -> Callable[[str], bytes | None]:
        client = self.client()

        def read(path: str) -> bytes | None:
            try:
                return client.get_object(Bucket=self.name, Key=f"site/{path}")["Body"].read()
            except client.exceptions.NoSuchKey:
                return None

        return read

    def names(self) -> list[str]:
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix="site/")
        return [one["Key"].removeprefix("site/") for page in pages for one in page.get("Contents", ())]

    @property
    def url(self) -> str:
        return f"s3://{self.name}/site"


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


class _Files(paramiko.SFTPServerInterface):
    """A folder over SFTP."""

    def __init__(self, server, *args, **kwargs) -> None:
        super().__init__(server, *args, **kwargs)
        self.root = server.root

    def _at(self, path: str) -> str:
        return str(self.root) + self.canonicalize(path)

    def _do(self, act, *args):
        try:
            act(*args)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return paramiko.SFTP_OK

    def list_folder(self, path):
        try:
            return [
                paramiko.SFTPAttributes.from_stat(os.stat(os.path.join(self._at(path), name)), name)
                for name in os.listdir(self._at(path))
            ]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def stat(self, path):
        try:
            return paramiko.SFTPAttributes.from_stat(os.stat(self._at(path)))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def open(self, path, flags, attr):
        try:
            file = os.fdopen(os.open(self._at(path), flags, 0o644), "r+b" if flags & os.O_RDWR else
                             "wb" if flags & os.O_WRONLY else "rb")  # fmt: skip
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        handle = paramiko.SFTPHandle(flags)
        handle.filename, handle.readfile, handle.writefile = self._at(path), file, file
        handle.stat = lambda: paramiko.SFTPAttributes.from_stat(os.fstat(file.fileno()))
        return handle

    def remove(self, path):
        return self._do(os.remove, self._at(path))

    def posix_rename(self, old, new):
        return self._do(os.replace, self._at(old), self._at(new))

    def mkdir(self, path, attr):
        return self._do(os.mkdir, self._at(path))

    def rmdir(self, path):
        return self._do(os.rmdir, self._at(path))


class _Door(paramiko.ServerInterface):
    def __init__(self, root: Path) -> None:
        self.root = root

    def check_auth_password(self, username, password):
        right = username == "writer" and password == SECRET
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username):
        return "password"

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED


@dataclass
class SftpServer:
    root: Path
    port: int
    key: paramiko.PKey
    hosts: Path
    transports: list[paramiko.Transport] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"sftp://writer@127.0.0.1:{self.port}/site"

    def cut(self) -> None:
        for transport in self.transports:
            transport.close()


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
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files)
            server.transports.append(transport)
            with contextlib.suppress(Exception):
                transport.start_server(server=_Door(root))

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


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
