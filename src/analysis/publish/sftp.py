"""SFTP: a folder on another machine, through fsspec; only hosts whose key is known are spoken to."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from analysis.errors import UserError
from analysis.publish.stores import PATIENCE, SFTP_KEYS, Files, told
from analysis.settings import keys


class Sftp(Files):
    """A folder on another machine. Each file is written beside its place and renamed into it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.where = url.rstrip("/")
        self._base = unquote(parts.path).rstrip("/")
        self._made: set[str] = set()
        with told(self.where):
            self._fs = _connected(parts.hostname or "", parts.port or 22, parts.username)

    def put(self, paths: Iterable[str], read: Callable[[str], bytes | None]) -> int:
        """See ``Store``; how long browsers keep a file is that web server's to say."""
        sent = 0
        for path in paths:
            data, place = read(path), f"{self._base}/{path}"
            folder, name = posixpath.split(place)
            if data is None:
                continue
            with told(self.where):
                if folder not in self._made:
                    self._fs.makedirs(folder, exist_ok=True)
                    self._made.add(folder)
                self._fs.ftp.putfo(BytesIO(data), f"{folder}/.{name}.part", len(data))
                self._fs.ftp.posix_rename(f"{folder}/.{name}.part", place)
            sent += len(data)
        return sent

    def remove(self, paths: Iterable[str]) -> None:
        """See ``Store``; folders that became empty go as well."""
        with told(self.where):
            folders = set()
            for path in map(PurePosixPath, paths):
                with suppress(FileNotFoundError):
                    self._fs.ftp.remove(f"{self._base}/{path}")
                folders |= {f"{self._base}/{one}" for one in path.parents if one.name}
            self._made -= folders
            for folder in sorted(folders, key=len, reverse=True):
                with suppress(OSError):  # not empty
                    self._fs.ftp.rmdir(folder)


def _connected(host: str, port: int, user: str | None) -> Any:
    import paramiko
    from fsspec.implementations.sftp import SFTPFileSystem

    said = {
        name: value.get_secret_value() if value else None for name, value in keys("sftp", SFTP_KEYS).items()
    }
    hosts = Path(said["known_hosts"] or "~/.ssh/known_hosts").expanduser()

    class Known(SFTPFileSystem):
        """Speaks with hosts whose key is known, and with no others."""

        def _connect(self) -> None:
            self.client = paramiko.SSHClient()
            self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
            if hosts.is_file():
                self.client.load_host_keys(str(hosts))
            self.client.connect(self.host, **self.ssh_kwargs)
            self.ftp = self.client.open_sftp()
            self.ftp.get_channel().settimeout(PATIENCE)

    asked = {
        "port": port,
        "username": user,
        "password": said["password"],
        "key_filename": said["key"],
        "passphrase": said["key_password"],
        "timeout": 20,
        "banner_timeout": 20,
        "auth_timeout": 20,
    }
    try:
        return Known(
            host, skip_instance_cache=True, **{name: v for name, v in asked.items() if v is not None}
        )
    except paramiko.BadHostKeyException:
        raise UserError(
            f"{host} shows another key than {hosts} knows; it may not be the machine it says it is. "
            "Nothing was sent"
        ) from None
    except paramiko.SSHException as error:
        if "not found in known_hosts" not in str(error):
            raise
        raise UserError(
            f"the key of {host} is not in {hosts}; when you have checked it, `ssh-keyscan -p {port} {host}` "
            "writes the line. Nothing was sent"
        ) from None
