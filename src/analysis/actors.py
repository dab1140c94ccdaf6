"""People as keyed hashes: the only form in which an account is kept.

The hash is scoped to one platform, so the same name on two platforms gives two hashes that cannot be
joined, and the key never stands in the store: whoever holds the store alone cannot try names out.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from functools import lru_cache
from pathlib import Path

from analysis.errors import UserError

VARIABLE = "VIRALITY_ACTOR_KEY"


def key_file() -> Path:
    """Where this user's key lies: outside every store, so that it is never published with one."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "virality" / "actor.key"


def actor_hash(platform: str, native_actor: str) -> str:
    """Sixteen hex digits that stand for this account on this platform.

    HMAC-SHA256 under the key VIRALITY_ACTOR_KEY, or else under a key made on first use and kept,
    readable to its user alone, in ``key_file()``. The same on every run that has the same key.
    """
    key = os.environ.get(VARIABLE, "").encode() or _kept(key_file())
    return hmac.new(key, f"{platform}\0{native_actor}".encode(), hashlib.sha256).hexdigest()[:16]


@lru_cache(maxsize=8)
def _kept(path: Path) -> bytes:
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(32))
            # two first runs at once: a link is made whole or not at all, and the first one wins
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        key = path.read_text().strip().encode()
    except OSError as error:
        raise UserError(
            f"the key that hides people's names could not be read or made at {path} ({error.strerror}); "
            f"set {VARIABLE} to a long random text, or make that folder writable"
        ) from error
    if len(key) < 32:
        raise UserError(
            f"the key in {path} has {len(key)} characters, expected at least 32; restore it from a "
            "backup, or delete it: accounts then get new hashes from here on"
        )
    return key
