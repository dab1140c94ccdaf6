"""Apprise against a loopback mail server and webhook: what arrives is plain text, whatever a title says."""

import email
import json
import socket
from contextlib import contextmanager
from datetime import UTC, datetime
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from loopback import loopback
from pydantic import SecretStr

from analysis.alerts import Alert, Rules, deliver
from analysis.alerts.plain import link, text

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HOSTILE = {
    "header": "Breaking\r\nBcc: everybody@example.org\r\n\r\nnew body",
    "mention": "hello @everyone <!channel> <@U123> @here #general",
    "markdown": "[click me](http://evil.example/) **bold** `code` ![x](http://evil.example/p.png)",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>&lt;b&gt;",
    "turned": "abc\u202edlrow\u2066 \u200bzero\u0000nul\u2028line",
    "long": "very " * 5000,
    "escapes": "\\n\\r\\nTo: x@example.org \\x00 ${PATH} {{7*7}} %s %n",
    "emoji": ":smile: \U0001f600",
}


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch):
    """Apprise rests for seconds between two mails to one server; here the server is ours."""
    monkeypatch.setattr("apprise.plugins.email.base.NotifyEmail.request_rate_per_sec", 0)


class Box:
    """Keeps the messages it is given."""

    def __init__(self):
        self.messages = []

    async def handle_DATA(self, server, session, envelope):
        self.messages.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=default)))
        return "250 OK"


@contextmanager
def mailbox():
    box = Box()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        box.port = free.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=box.port)
    server.start()
    try:
        yield box
    finally:
        server.stop()


def mail(box):
    people = "from=virality@example.org&to=desk@example.org"
    return SecretStr(f"mailto://127.0.0.1:{box.port}?{people}&mode=insecure&smtp=127.0.0.1")


def alerts():
    return [
        Alert(
            "spike", f"visits {name}", NOW, NOW, f'Spike: visits of "{text(said)}"', f"Most to {text(said)}."
        )
        for name, said in HOSTILE.items()
    ]


def test_mail_and_webhook_get_every_hostile_title_as_plain_words(tmp_path):
    with mailbox() as box, loopback((200, {}, {})) as hook:
        where = [mail(box), SecretStr(hook.url.replace("http", "json"))]
        rules = Rules(most=20)
        done = deliver(alerts(), state=tmp_path / "told.json", now=NOW, urls=where, rules=rules)
        assert done.reasons == ()
        assert len(done.sent) == len(HOSTILE)
    assert len(box.messages) == len(hook.requests) == len(HOSTILE)
    for to, message in box.messages:
        assert to == ["desk@example.org"]
        assert message["bcc"] is None
        assert str(message["to"]) == "desk@example.org"
        subject = str(message["subject"])
        assert len(subject) < 200
        assert not set(subject) & set("\r\n\x00\u202e\u2028")
        plain = message.get_body(("plain", "html")).get_content()
        assert "<script" not in plain
        assert "<img src=x" not in plain
    for request in hook.requests:
        said = json.loads(request.body)
        for words in (said["title"], said["message"]):
            for acting in ("@everyone", "@here", "<!channel>", "<@U", "](", "<script", "<img", "http://"):
                assert acting not in words


def test_a_digest_by_mail_is_one_message(tmp_path):
    with mailbox() as box:
        done = deliver(alerts(), state=tmp_path / "told.json", now=NOW, urls=[mail(box)])
        assert len(done.sent) == len(HOSTILE)
    ((_, message),) = box.messages
    assert str(message["subject"]) == f"{len(HOSTILE)} alerts: {len(HOSTILE)} spike"


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_plain_words_are_one_short_line_in_which_nothing_acts(said):
    out = text(said)
    assert len(out.replace("\u200b", "")) <= 120
    assert "\n" not in out
    assert (
        text("An ordinary title, with “quotes” & a dash – 42 %")
        == "An ordinary title, with “quotes” & a dash – 42 %"
    )


def test_a_link_is_an_address_or_harmless_words():
    assert link("https://example.org/a?b=c&d=%20") == "https://example.org/a?b=c&d=%20"
    assert link("https://example.org/<!channel>@here") == "https://example.org/%3C%21channel%3E%40here"
    assert "javascript:alert" in link("javascript:alert(1)")
    assert "://" not in link("https://user:pass@example.org/")
    assert "://" not in link("https://example.org/" + "x" * 300)
