"""The live stream (Jetstream): posts with watched links, their likes and reposts, and deletes."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from analysis.platforms.bluesky import records
from analysis.platforms.bluesky.records import LIKE, PLATFORM, POST, REPOST
from analysis.platforms.contract import Ask, Session, Unknown
from analysis.platforms.rows import Rows, moment
from analysis.tables import Batch
from analysis.urls import content_id, site

log = logging.getLogger(__name__)

CURSOR, UNDECODABLE, WATCHED = "jetstream cursor", "jetstream undecodable", "watched"
# the last of the set ages at which a URL is asked about again, and a day
FORGET_AFTER = timedelta(days=31)
EVERY_SECONDS, EVERY_ROWS = 2.0, 2000
# so long without a frame, from a stream that carries hundreds a second, and we are at its tip
IDLE_SECONDS = 10.0
FULL = 50_000
ENDED = object()


def follow(
    asks: Sequence[Ask], session: Session, *, seconds: float, idle: float = IDLE_SECONDS
) -> Iterator[Batch]:
    """Follow the stream from where the last run stood, for at most ``seconds``, or until nothing comes.

    Nothing comes when an open stream is silent for ``idle`` seconds: the time it takes to be opened, or
    opened again, says nothing of what it carries. One that was never opened is Unknown, not silent.

    Kept are posts that carry a watched URL or a link to a watched site, and likes, reposts and quotes
    of posts known to do so. A delete of one of these, or of its account, goes to ``Batch.gone``. The
    cursor is saved behind every batch, so a stopped run goes on where the store stands. A frame that
    cannot be decoded is set aside and counted, in all runs together, under ``UNDECODABLE``.
    """
    from atproto import JetstreamClient
    from atproto.exceptions import JetstreamCursorTooOldError

    frames: queue.Queue[Any] = queue.Queue(maxsize=FULL)
    bad = threading.Semaphore(0)

    class Tail(JetstreamClient):
        """The client, which counts what it cannot decode and stops where nothing more comes."""

        opened = False

        def _get_client(self) -> Any:
            connection = super()._get_client()
            self.opened = True
            return connection

        def _handle_frame_decoding_error(self, exception: Exception) -> None:
            bad.release()

        def _handle_websocket_error_or_stop(self, exception: Exception) -> bool:
            # out of time inside a connection is silence; before it, the server was slow to answer
            silent = isinstance(exception, TimeoutError) and self._client is not None
            return silent or super()._handle_websocket_error_or_stop(exception)

    cursor = session.load(CURSOR)
    params: dict[str, Any] = {"collections": [POST, LIKE, REPOST], "kinds": ["commit", "account"]}
    if cursor:
        params["cursor"] = int(cursor)
    base = session.option("stream_url", "wss://jetstream.us-east.bsky.network/xrpc")
    compress = session.option("compress", "yes") == "yes"
    client = Tail(params=params, base_uri=base, recv_timeout=idle, compress=compress)

    def run() -> None:
        try:
            client.start(frames.put, lambda error: frames.put(error))
            frames.put(ENDED)
        except BaseException as error:
            frames.put(error)

    thread = threading.Thread(target=run, name="jetstream", daemon=True)
    watch = Watch(asks, session)
    ends = time.monotonic() + seconds
    flushed = time.monotonic()
    session.permit(scope="jetstream", limits=())
    thread.start()
    last, over = cursor, False
    try:
        while not over:
            try:
                frame = frames.get(timeout=max(0.05, ends - time.monotonic()))
            except queue.Empty:
                frame = ENDED
            if isinstance(frame, JetstreamCursorTooOldError):
                session.save(CURSOR, "")
                raise Unknown("failed", "the stream no longer holds where we stood; the next run starts anew")
            if isinstance(frame, BaseException):
                raise Unknown("failed", f"the stream ended ({type(frame).__name__})")
            if frame is ENDED:
                over = True
            else:
                seq = getattr(frame, "seq", None)
                if watch.needs_flush(frame):
                    yield from _flush(watch, session, last, bad)
                watch.take(frame)
                last = str(seq) if seq is not None else last
            over = over or time.monotonic() >= ends
            if over or len(watch.rows) >= EVERY_ROWS or time.monotonic() - flushed > EVERY_SECONDS:
                yield from _flush(watch, session, last, bad)
                flushed = time.monotonic()
        if not client.opened:
            raise Unknown("failed", f"the stream was not opened within {seconds:g} s")
    finally:
        client.stop()
        while thread.is_alive():  # it may be waiting for room in the queue
            try:
                frames.get(timeout=0.05)
            except queue.Empty:
                thread.join(timeout=0.05)


def _flush(watch: Watch, session: Session, last: str | None, bad: threading.Semaphore) -> Iterator[Batch]:
    skipped = 0
    while bad.acquire(blocking=False):
        skipped += 1
        watch.rows.aside("a frame of the stream that cannot be decoded")
    if len(watch.rows):
        yield watch.batch()
    if skipped:
        total = int(session.load(UNDECODABLE) or 0) + skipped
        session.save(UNDECODABLE, str(total))
        log.warning("Bluesky: %d frames of the stream could not be decoded, %d so far", skipped, total)
    if last:
        session.save(CURSOR, last)


class Watch:
    """What is watched on the stream, and the rows it gave since the last batch."""

    def __init__(self, asks: Sequence[Ask], session: Session) -> None:
        self.session = session
        watched = [key.split(" ", 1) for key in self._remembered(asks)]
        self.contents = {name for kind, name in watched if kind == "url"}
        self.sites = {name for kind, name in watched if kind == "site"}
        self.gone: set[str] = set()
        self._fresh()

    def _remembered(self, asks: Sequence[Ask]) -> list[str]:
        """What is asked now, and what was asked lately: the stream passes by URLs that are not due, too."""
        now = self.session.now()
        known = json.loads(self.session.load(WATCHED) or "{}")
        known = {key: day for key, day in known.items() if now - moment(day) < FORGET_AFTER}
        for ask in asks:
            if ask.kind == "url":
                known[f"url {ask.content_id or content_id(ask.value)}"] = now.isoformat()
            elif ask.kind == "site":
                known[f"site {ask.value.removeprefix('www.')}"] = now.isoformat()
        self.session.save(WATCHED, json.dumps(known))
        return list(known)

    def _fresh(self) -> None:
        self.rows = Rows(PLATFORM, self.session.now(), "bluesky jetstream", "bluesky jetstream")
        self.gone = set()

    def batch(self) -> Batch:
        """The rows so far; starts anew."""
        batch = self.rows.batch()
        self._fresh()
        return batch

    def needs_flush(self, frame: Any) -> bool:
        """Whether a create must wait: the store forgets after it appends, and this batch forgets already."""
        return bool(self.gone) and getattr(frame, "operation", None) == "create"

    def take(self, frame: Any) -> None:
        """One frame; what is of no concern leaves no trace."""
        from atproto_client.models.utils import get_model_as_dict

        # most of the stream is acts on posts nobody watches: look before turning models into dicts
        kind = type(frame).__module__, type(frame).__name__
        if getattr(frame, "collection", None) in (LIKE, REPOST) and frame.operation == "create":
            try:
                subject = records.native(self.session, str(frame.record["subject"]["uri"]))
            except (KeyError, TypeError, ValueError) as error:
                self.rows.aside(f"{frame.collection}: {error}")
                return
            content = self.session.load(f"post {subject}")
            if content:
                self._act(frame, subject, content)
            return
        message = get_model_as_dict(frame)
        try:
            if "account" in message:
                self._account(message)
            elif message.get("operation") == "delete":
                self._delete(message["did"], message["collection"], message["rkey"])
            elif message.get("collection") == POST and message.get("record"):
                self._post(message)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self.rows.aside(f"{kind[1]}: {error!r}"[:200])

    def _post(self, message: dict[str, Any]) -> None:
        record, did = message["record"], str(message["did"])
        parent = records.answered(record) or records.quoted(record)
        subject = records.native(self.session, parent) if parent else None
        found = None
        for url in records.links(record):
            if content_id(url) in self.contents or any(
                site(url) == wanted or site(url).endswith(f".{wanted}") for wanted in self.sites
            ):
                found = self.rows.content(url)
                break
        kind = records.kind_of(record)
        if found is None and kind == "quote" and subject:
            found = self.session.load(f"post {subject}") or None
        if found is None:
            return
        native = records.native(self.session, f"at://{did}/{POST}/{message['rkey']}")
        self._event(native, found, kind, message, subject)
        self.session.save(f"post {native}", found)

    def _act(self, frame: Any, subject: str, content: str) -> None:
        kind = "like" if frame.collection == LIKE else "repost"
        created = frame.record["createdAt"] if "createdAt" in frame.record else frame.record["created_at"]
        message = {"did": frame.did, "time": frame.time, "record": {"createdAt": created},
                   "collection": frame.collection, "rkey": frame.rkey}  # fmt: skip
        self._event(records.act(self.session, kind, frame.did, subject), content, kind, message, subject)

    def _event(
        self, native: str, content: str, kind: str, message: dict[str, Any], parent: str | None
    ) -> None:
        witnessed = moment(message["time"])
        actor = self.session.actor(str(message["did"]))
        self.rows.event(
            native,
            content,
            kind,
            records.occurred(message["record"].get("createdAt"), witnessed),
            actor=actor,
            parent_id=f"{PLATFORM}:{parent}" if parent else None,
            observed_at=witnessed,
        )
        # a delete names the account and the record's key, not what was liked: remember what is whose
        mine = self._of(actor)
        mine[f"{message['collection']}/{message['rkey']}"] = native
        self.session.save(f"of {actor}", json.dumps(mine))

    def _of(self, actor: str) -> dict[str, str]:
        known: dict[str, str] = json.loads(self.session.load(f"of {actor}") or "{}")
        return known

    def _delete(self, did: str, collection: str, rkey: str) -> None:
        actor = self.session.actor(did)
        mine = self._of(actor)
        native = mine.pop(f"{collection}/{rkey}", None)
        if native:
            self.session.save(f"of {actor}", json.dumps(mine))
        elif collection == POST:
            # found by search, not by the stream
            searched = records.native(self.session, f"at://{did}/{POST}/{rkey}")
            native = searched if self.session.load(f"post {searched}") else None
        if native:
            self._forget(native)

    def _account(self, message: dict[str, Any]) -> None:
        state = message["account"]
        if state.get("active") or state.get("status") not in ("deleted", "takendown"):
            return
        actor = self.session.actor(str(message["did"]))
        for native in self._of(actor).values():
            self._forget(native)
        self.session.save(f"of {actor}", "{}")

    def _forget(self, native: str) -> None:
        self.rows.gone(native)
        self.gone.add(native)
        if native.startswith("post:"):
            self.session.save(f"post {native}", "")
