"""Files of the site: written whole or not at all, and left alone when nothing changed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any


def write(path: Path, data: bytes) -> bool:
    """All of the file or the file as it was: readers never see half of one. True when it changed."""
    try:
        if path.read_bytes() == data:
            return False
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True


def digest(data: bytes) -> dict[str, Any]:
    """Size and SHA-256 of a file, as records and the manifest have them."""
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
