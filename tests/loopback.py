"""A server on 127.0.0.1 that answers as a test tells it, and remembers what it was asked and when."""

import contextlib
import importlib.util
import io
import json
import threading
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    at: float
    raw: str = ""
    body: bytes = b""


@dataclass
class Loopback:
    """``answer(request)`` gives (status, headers, body); a body that is no bytes is sent as JSON."""

    answer: object
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    keep_alive: bool = False

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@contextmanager
def loopback(answer):
    """Serve until the block ends. ``answer`` may also be a plain (status, headers, body)."""
    state = Loopback(answer)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self):
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length)
            query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
            headers = {key.lower(): value for key, value in self.headers.items()}
            request = Request(self.command, parts.path, query, headers, time.time(), self.path, body)
            with lock:
                state.requests.append(request)
            status, extra, body = state.answer(request) if callable(state.answer) else state.answer
            if not isinstance(body, bytes):
                body = json.dumps(body).encode()
            self.send_response(status)
            if "content-length" not in {key.lower() for key in extra}:
                self.send_header("Content-Length", str(len(body)))
            if "content-type" not in {key.lower() for key in extra}:
                self.send_header("Content-Type", "application/json")
            for key, value in extra.items():
                self.send_header(key, value)
            if not state.keep_alive or "Content-Length" in extra:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request, client_address):
            pass  # a client that stopped waiting is what some tests are about

    server = Server(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def tool(shared):
    """The replay tool beside the recordings."""
    spec = importlib.util.spec_from_file_location("replay_cassette", shared / "tools" / "replay_cassette.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answers(shared, *files):
    """Recorded answers: (method, path, query) to a list of (status, headers, body)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the tool leaves its files open
        return tool(shared).load([str(shared / "payloads" / name) for name in files])


@contextmanager
def replay(shared, recordings):
    """Serve recordings (``answers``, and what a test adds to them) by the replay tool; gives the URL."""
    server = tool(shared).serve(recordings, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    with contextlib.redirect_stderr(io.StringIO()):
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
