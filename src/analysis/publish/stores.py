"""Stores of files behind a URL, and what went wrong on the way to them, without secrets."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from analysis.errors import UserError
from analysis.publish.inplace import Store
from analysis.settings import keys

PATIENCE = 60  # seconds a server may say nothing
SFTP_KEYS = ("password", "key", "key_password", "known_hosts")
AWS_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")


def connect(url: str) -> Store:
    """The store behind s3://bucket/prefix or sftp://user@host:port/folder.

    Keys come from the environment alone: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, ... for
    S3; for SFTP an ssh agent, the keys of ~/.ssh, VIRALITY_SFTP_KEY (a key's file),
    VIRALITY_SFTP_KEY_PASSWORD, VIRALITY_SFTP_PASSWORD, VIRALITY_SFTP_KNOWN_HOSTS (a file).

    Raises
    ------
    UserError
        When the place cannot be reached, or a host's key is not the known one.
    """
    if url.startswith("s3://"):
        from analysis.publish.s3 import S3

        return S3(url)
    from analysis.publish.sftp import Sftp

    return Sftp(url)


@contextmanager
def told(where: str) -> Iterator[None]:
    """Whatever breaks off on the way is one line, for a person."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # each library below has faults of its own
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise UserError(
            f"{where} did not do what it was asked ({_without_secrets(said)}); readers still have a whole "
            "site, and the same command goes on where this one broke off"
        ) from None


class Files:
    """What a ``Store`` needs, as far as fsspec does it the same way everywhere."""

    where: str
    _base: str
    _fs: Any

    def read(self, path: str) -> bytes | None:
        """See ``Store``."""
        with told(self.where):
            try:
                data: bytes = self._fs.cat_file(f"{self._base}/{path}")
            except FileNotFoundError:
                return None
            return data

    def folders(self, path: str) -> list[str]:
        """See ``Store``."""
        with told(self.where):
            try:
                found = self._fs.ls(f"{self._base}/{path}", detail=True)
            except FileNotFoundError:
                return []
            return [posixpath.basename(one["name"]) for one in found if one["type"] == "directory"]

    def names(self, path: str) -> list[str]:
        """See ``Store``."""
        with told(self.where):
            found: list[str] = self._fs.find(f"{self._base}/{path}")
            return [name.removeprefix(f"{self._base}/") for name in found]


def _without_secrets(said: str) -> str:
    secrets = [os.environ.get(name) for name in AWS_SECRETS]
    found = keys("sftp", ("password", "key_password")).values()
    for secret in (*secrets, *(value.get_secret_value() for value in found if value)):
        said = said.replace(secret, "***") if secret else said
    return said
