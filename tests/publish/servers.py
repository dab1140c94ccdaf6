"""A bucket on a local S3 server, a folder over SFTP, and a road to either that can be cut."""

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import paramiko
from botocore.config import Config

SECRET = "secret-4711-never-to-be-seen"


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


class Files(paramiko.SFTPServerInterface):
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


class Door(paramiko.ServerInterface):
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


class Cut:
    """A road to a server that can be cut in the middle of a file."""

    def __init__(self, port: int) -> None:
        self.port, self.left, self.pairs = port, -1, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.here = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.left == 0:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.port))
            self.pairs.append((near, far))
            threading.Thread(target=self._carry, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, False), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(4096):
                if counted and self.left >= 0:
                    data = data[: self.left]
                    self.left -= len(data)
                sink.sendall(data)
                if self.left == 0:
                    break
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for pair in self.pairs:
            for one in pair:
                one.close()
