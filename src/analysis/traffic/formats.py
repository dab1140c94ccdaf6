"""How a log writes its lines: presets, format strings of nginx, Apache and Fastly, W3C field lists."""

from __future__ import annotations

import re

import numpy as np

from analysis.errors import UserError
from analysis.traffic import scan as s
from analysis.traffic.scan import Program, program

PRESETS = {
    "combined": '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"',
    "vhost": '%v %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"',
    "common": '%h %l %u %t "%r" %>s %b',
}
JSON, W3C = "caddy", "w3c"
NAMES = (*PRESETS, JSON, W3C)

_NGINX = {
    "remote_addr": s.ADDRESS,
    "realip_remote_addr": s.SKIP,
    "http_x_forwarded_for": s.ADDRESS,
    "http_x_real_ip": s.ADDRESS,
    "time_local": s.CLF_TIME,
    "time_iso8601": s.ISO_TIME,
    "msec": s.EPOCH,
    "request": s.REQUEST,
    "status": s.STATUS,
    "http_referer": s.REFERRER,
    "http_user_agent": s.AGENT,
    "host": s.HOST,
    "http_host": s.HOST,
    "server_name": s.HOST,
    "request_method": s.METHOD,
    "request_uri": s.TARGET,
    "uri": s.PATH,
    "document_uri": s.PATH,
    "args": s.QUERY,
    "query_string": s.QUERY,
}
_APACHE = {
    "h": s.ADDRESS,
    "a": s.ADDRESS,
    "r": s.REQUEST,
    "s": s.STATUS,
    "v": s.HOST,
    "V": s.HOST,
    "m": s.METHOD,
    "U": s.PATH,
    "q": s.QUERY,
}
_HEADERS = {
    "referer": s.REFERRER,
    "user-agent": s.AGENT,
    "host": s.HOST,
    "x-forwarded-for": s.ADDRESS,
    "x-real-ip": s.ADDRESS,
    "fastly-client-ip": s.ADDRESS,
}
_FASTLY = {
    "client.ip": s.ADDRESS,
    "req.url": s.TARGET,
    "req.url.path": s.PATH,
    "req.url.qs": s.QUERY,
    "req.method": s.METHOD,
    "req.request": s.METHOD,
    "resp.status": s.STATUS,
    "time.start.sec": s.EPOCH,
    "time.start.msec": s.EPOCH_MS,
    **{f"req.http.{name}": code for name, code in _HEADERS.items()},
}
_W3C = {
    "date": s.DATE,
    "time": s.CLOCK,
    "c-ip": s.ADDRESS,
    "cs-method": s.METHOD,
    "cs-uri-stem": s.PATH,
    "cs-uri-query": s.QUERY,
    "sc-status": s.STATUS,
    "cs(referer)": s.REFERRER,
    "cs(user-agent)": s.AGENT,
    "x-host-header": s.HOST,
    "cs-host": s.HOST,
    "timestamp": s.EPOCH,
}
_TIMES = {
    "%s": (s.EPOCH, False),
    "sec": (s.EPOCH, False),
    "msec": (s.EPOCH_MS, False),
    "%d/%b/%Y:%H:%M:%S %z": (s.CLF_TIME, False),
    "%Y-%m-%dT%H:%M:%S%z": (s.ISO_TIME, False),
    "%Y-%m-%dT%H:%M:%SZ": (s.ISO_TIME, False),
    "%Y-%m-%d %H:%M:%S %z": (s.ISO_TIME, False),
    "%Y-%m-%dT%H:%M:%S": (s.ISO_TIME, True),
    "%Y-%m-%d %H:%M:%S": (s.ISO_TIME, True),
    "%F %T": (s.ISO_TIME, True),
    "%FT%T": (s.ISO_TIME, True),
    "%FT%T%z": (s.ISO_TIME, False),
}
_NGINX_FIELD = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_APACHE_FIELD = re.compile(r"%[!,\d]*[<>]?(?:\{([^}]*)\}(\^?\w+)|(\^?\w)|(%))")


def compile_format(text: str) -> Program | None:
    """A preset's name or a format string as a program; None for JSON lines, which have none.

    Raises
    ------
    UserError
        When a field is missing without which no visit can be counted, or two fields touch.
    """
    if text == JSON:
        return None
    fields, lead, naive = _fields(PRESETS.get(text, text), text)
    codes = {code for code, _ in fields}
    for wanted, names in (
        ({s.ADDRESS}, "the client's address (%h, $remote_addr)"),
        ({s.REQUEST, s.TARGET, s.PATH}, "the request (%r, $request)"),
        ({s.STATUS}, "the status (%>s, $status)"),
        ({s.CLF_TIME, s.ISO_TIME, s.EPOCH, s.EPOCH_MS, s.DATE}, "the time (%t, $time_local)"),
    ):
        if not codes & wanted:
            raise UserError(
                f"the log format {text!r} lacks {names}: give one of {', '.join(NAMES)} or a full format"
            )
    if s.REQUEST not in codes and s.METHOD not in codes:
        raise UserError(f"the log format {text!r} lacks the method (%m, $request_method)")
    return program(text, lead.encode(), [(code, end.encode()) for code, end in fields], naive)


def _fields(text: str, shown: str) -> tuple[list[tuple[int, str]], str, bool]:
    nginx = "$" in text and not re.search(r"%[>{hlutrsb]", text)
    found: list[list] = []  # code, literal after it
    lead, naive, at = "", False, 0

    def literal(between: str) -> None:
        nonlocal lead
        if found:
            found[-1][1] += between
        else:
            lead += between

    for match in (_NGINX_FIELD if nginx else _APACHE_FIELD).finditer(text):
        literal(text[at : match.start()])
        at = match.end()
        if nginx:
            found.append([_NGINX.get(match[1] or match[2], s.SKIP), ""])
            continue
        argument, letter, plain, percent = match.groups()
        if percent:
            literal("%")
        elif plain == "t":  # writes its own brackets
            literal("[")
            found.append([s.CLF_TIME, "]"])
        else:
            code, local = _apache(argument, letter or plain)
            naive |= local
            found.append([code, ""])
    literal(text[at:])
    if not found:
        raise UserError(f"{shown!r} is no log format: give one of {', '.join(NAMES)}, or a format string")
    for code, end in found[:-1]:
        if not end:
            raise UserError(
                f"in the log format {shown!r} nothing separates {s.FIELDS[code]} from what follows"
            )
    return [(code, end) for code, end in found], lead, naive


def _apache(argument: str | None, letter: str) -> tuple[int, bool]:
    if letter == "t":
        kind = re.sub(r"^(begin|end):", "", argument or "")
        if kind not in _TIMES:
            raise UserError(f"the time format %{{{argument}}}t is not known: use one of {', '.join(_TIMES)}")
        return _TIMES[kind]
    if letter == "V" and argument:
        return _FASTLY.get(argument.lower(), s.SKIP), False
    if letter in ("i", "e") and argument:
        return _HEADERS.get(argument.lower(), s.SKIP), False
    return _APACHE.get(letter, s.SKIP), False


def w3c(head: bytes) -> Program | None:
    """The program of a W3C log (CloudFront, IIS) from its ``#Fields:`` line; None where there is none."""
    found = re.search(rb"^#Fields:[ \t]*([^\r\n]+)", head, re.M | re.I)
    if found is None:
        return None
    names = found[1].decode("latin-1").split()
    body = [line for line in head.splitlines() if line and not line.startswith(b"#")]
    tab = "\t" if (body and b"\t" in body[0]) or not body else " "
    codes = [_W3C.get(name.lower(), s.SKIP) for name in names]
    if s.TARGET not in codes and s.PATH not in codes:
        return None
    ends = [tab.encode()] * (len(codes) - 1) + [b""]
    return program(W3C, b"", list(zip(codes, ends, strict=True)), encoded=True)


def detect(head: bytes, where: str) -> Program | None:
    """The format of a file by its first lines: the richest preset that reads most of them.

    Raises
    ------
    UserError
        When no preset reads any line.
    """
    if head.startswith(b"#") and (found := w3c(head)) is not None:
        return found
    whole = head[: head.rfind(b"\n") + 1] or head  # a line cut short would speak for a shorter format
    lines = [line for line in whole.split(b"\n") if line.strip()]
    if lines and sum(line.lstrip().startswith(b"{") for line in lines) * 2 > len(lines):
        return None
    sample = b"\n".join(lines) + b"\n"
    read: dict[str, tuple[int, Program]] = {}
    for name in PRESETS:
        candidate = compile_format(name)
        if candidate is None:
            continue
        scanner = s.Scanner(np.zeros(65536, np.uint64), 1, lambda _: False)
        read[name] = (sum(part.parsed for part in scanner.scan(sample, candidate)) if lines else 0, candidate)
    most = max(number for number, _ in read.values())
    # common reads every line that combined reads, and broken ones too: the richer one wins by half
    best = next((found for number, found in read.values() if number and number * 2 >= most), None)
    if best is None:
        raise UserError(
            f"{where} is in no format that is known ({', '.join(NAMES)}): "
            "give its format string, as it stands in the server's configuration, with --format"
        )
    return best
