"""S3: a bucket, or a part of one, through s3fs."""

from __future__ import annotations

import mimetypes
import posixpath
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from analysis.publish.stores import PATIENCE, Files, told

AT_A_TIME = 8
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".xml": "application/atom+xml; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ipynb": "application/x-ipynb+json",
}


class S3(Files):
    """A bucket, or a part of one. Each object is replaced by one request."""

    def __init__(self, url: str) -> None:
        import s3fs

        self.where = url.rstrip("/")
        self._base = self.where.removeprefix("s3://")
        retries = {"total_max_attempts": 3, "mode": "standard"}
        config = {"connect_timeout": 10, "read_timeout": PATIENCE, "retries": retries}
        with told(self.where):
            self._fs = s3fs.S3FileSystem(
                config_kwargs=config, use_listings_cache=False, skip_instance_cache=True, max_concurrency=1
            )
            self._fs.retries = 1  # botocore repeats what is worth it; both together take minutes

    def put(self, paths: Iterable[str], read: Callable[[str], bytes | None]) -> int:
        """See ``Store``; a type that browsers show, and how long they may keep it without asking."""

        def send(path: str) -> int:
            data = read(path)
            if data is None:
                return 0
            self._fs.pipe_file(
                f"{self._base}/{path}", data, ContentType=_type(path), CacheControl=_kept(path)
            )
            return len(data)

        with told(self.where), ThreadPoolExecutor(AT_A_TIME) as pool:
            sending = [pool.submit(send, path) for path in paths]
            try:
                return sum(one.result() for one in sending)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def remove(self, paths: Iterable[str]) -> None:
        """See ``Store``."""
        names = [f"{self._base}/{path}" for path in paths]
        bucket = self._base.partition("/")[0]
        with told(self.where):
            for first in range(0, len(names), 1000):
                some = [{"Key": name.partition("/")[2]} for name in names[first : first + 1000]]
                self._fs.call_s3("delete_objects", Bucket=bucket, Delete={"Objects": some, "Quiet": True})


def _kept(path: str) -> str:
    """Assets have their hash in their name; of all else a browser asks whether it is still so."""
    return "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"


def _type(path: str) -> str:
    suffix = posixpath.splitext(path)[1]
    return TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
