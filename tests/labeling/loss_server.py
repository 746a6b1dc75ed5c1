"""A labeling server that the loss test kills: the real service behind a small HTTP front, given a folder and a port.

Run as a program it forks such a server for every line of arguments it reads: ten lives load their libraries once.
"""

import json
import logging
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

os.environ["HF_HUB_DISABLE_XET"] = os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from workbench.errors import NotAllowed, WorkbenchError
from workbench.labeling.hub.hub import HuggingFaceHub
from workbench.labeling.serving.service import open_service, stop_on_signals
from workbench.settings import Settings


def main(study: str, data: str, port: str, hub: str, database: str = "") -> None:
    """Serve until killed."""
    logging.basicConfig(level=logging.WARNING)
    settings = Settings(cache=Path(data), data=Path(data), owner_token="loss test owner token", database_url=database)
    place = HuggingFaceHub("tester/loss", "hf_test", endpoint=hub, seconds=8)
    service = open_service(settings, Path(study), interval=1.0, hub=place)
    service.desk._pace.take = lambda rater, now: None  # type: ignore[method-assign] # the test's raters are faster than people
    service.desk._grace = 2.0  # and come back sooner
    calls = {"/enter": service.desk.enter, "/sync": service.desk.sync, "/withdraw": service.desk.withdraw}

    class Front(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            """Quiet."""

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, answer = 200, calls[self.path](asked)
            except WorkbenchError as error:
                status, answer = 403 if isinstance(error, NotAllowed) else 503, {"error": str(error)}
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Front)
    server.daemon_threads = True
    stop_on_signals(service.stop)
    server.serve_forever(0.05)


def host() -> None:
    """Fork a server for every line until there are no more; a line holds the arguments, and the log's path first."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        log, *words = json.loads(line)
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for stream in (1, 2):
                os.dup2(opened, stream)
            main(*words)
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    host()
