"""Messages through Apprise. An address is a secret: it is never in a name, a reason, a log or a record."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from analysis.errors import UserError

if TYPE_CHECKING:
    from apprise import Apprise
    from pydantic import SecretStr

PATIENCE = 30
"""Seconds an address may take."""
TYPES = {"spike": "info", "drop": "warning", "mix": "warning"}
SPEAKING = ("apprise", "urllib3", "requests")


def channels(urls: Sequence[SecretStr]) -> dict[str, Apprise]:
    """Each address under a name that may be said: its scheme, numbered from the second one on."""
    from apprise import Apprise, AppriseAsset

    asset = AppriseAsset(app_id="virality", app_desc="virality", async_mode=False, interpret_escapes=False)
    out: dict[str, Apprise] = {}
    for number, url in enumerate(urls, 1):
        one = Apprise(asset=asset)
        with _silent():
            known = one.add(url.get_secret_value())
        if not known:
            raise UserError(
                f"VIRALITY_ALERTS: address {number} is none that Apprise knows (it is not shown, it may hold "
                "a secret); expected for example mailto://, slack://, jsons://"
            )
        scheme = url.get_secret_value().partition("://")[0].lower()
        same = sum(name.partition(" ")[0] == scheme for name in out)
        out[f"{scheme} {same + 1}" if same else scheme] = one
    return out


def post(channel: Apprise, title: str, body: str, kind: str) -> str:
    """Send one message; why it was not taken, or nothing."""
    from apprise import NotifyFormat, NotifyType

    kind_of = NotifyType(TYPES.get(kind, "failure"))
    try:
        with _silent():
            done: Any = channel.notify(
                body, title, notify_type=kind_of, body_format=NotifyFormat.TEXT, timeout=PATIENCE
            )
    except Exception as error:  # a service's fault must not end a run, and its words may hold the address
        return f"{type(error).__name__} in its client"
    if done:
        return ""
    logs = " ".join(entry.message for result in done for entry in result.logs())
    if code := re.search(r"error=(\d{3})\b", logs):
        return f"it answered {code[1]}"
    return "it could not be reached" if "onnection" in logs else "it did not take the message"


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Nothing that the clients have to say reaches a log: it may hold an address."""
    loggers = [logging.getLogger(name) for name in SPEAKING]
    before = [one.propagate for one in loggers]
    quiet = logging.NullHandler()
    for one in loggers:
        one.addHandler(quiet)
        one.propagate = False
    try:
        yield
    finally:
        for one, propagate in zip(loggers, before, strict=True):
            one.removeHandler(quiet)
            one.propagate = propagate
