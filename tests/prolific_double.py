"""Prolific on this machine, for tests: the documented endpoints of studies, submissions and bonuses, and a transcript.

with ProlificDouble(token="t") as prolific:
    prolific.submit(study_id, "participant", code)
    print("\\n".join(prolific.transcript))
"""

import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NEEDED = (
    "name",
    "description",
    "external_study_url",
    "completion_codes",
    "total_available_places",
    "estimated_completion_time",
    "reward",
    "prolific_id_option",
)


class ProlificDouble:
    """What Prolific keeps: studies, submissions, bonuses, and every call as a line."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.transcript: list[str] = []
        self.studies: dict[str, dict[str, Any]] = {}
        self.submissions: dict[str, dict[str, Any]] = {}
        self.bonuses: dict[str, dict[str, Any]] = {}
        self.paid: list[str] = []
        self._ids = (f"{n:024x}" for n in itertools.count(1))
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}"))

            def _answer(self, body: Any) -> None:
                known = self.headers.get("Authorization") == f"Token {double.token}"
                status, told = double.call(self.command, self.path, body) if known else (401, _error("Invalid token."))
                double.transcript.append(
                    f"{self.command} {self.path} {json.dumps(body)} -> {status} {json.dumps(told)}"
                )
                data = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "ProlificDouble":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def submit(self, study: str, participant: str, submission: str = "") -> str:
        """A participant comes back with a code; the submission's id."""
        name = submission or next(self._ids)
        self.submissions[name] = {
            "id": name,
            "participant_id": participant,
            "study": study,
            "status": "AWAITING REVIEW",
        }
        return name

    def call(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and answer of one request."""
        plain, _, query = path.partition("?")
        for pattern, work in (
            ("POST /api/v1/studies/", self._create),
            (r"POST /api/v1/studies/(\w+)/transition/", self._publish),
            (r"GET /api/v1/studies/(\w+)/submissions/", lambda b, s: self._list(s, query)),
            (r"POST /api/v1/submissions/(\w+)/transition/", self._decide),
            (r"POST /api/v1/submissions/(\w+)/request-return/", self._ask_back),
            ("POST /api/v1/submissions/bonus-payments/", self._set_up),
            (r"POST /api/v1/bulk-bonus-payments/(\w+)/pay/", self._pay),
        ):
            if found := re.fullmatch(pattern, f"{method} {plain}"):
                return work(body, *found.groups())
        return 404, _error("Not found.")

    def _create(self, body: Any) -> tuple[int, Any]:
        if missing := [name for name in NEEDED if name not in body]:
            return 400, _error(f"missing: {', '.join(missing)}")
        made = {"id": next(self._ids), "status": "UNPUBLISHED", **body}
        self.studies[made["id"]] = made
        return 201, {"id": made["id"], "status": made["status"]}

    def _publish(self, body: Any, study: str) -> tuple[int, Any]:
        if body != {"action": "PUBLISH"} or self.studies[study]["status"] != "UNPUBLISHED":
            return 400, _error("This study cannot be published.")
        self.studies[study]["status"] = "ACTIVE"
        return 200, {"id": study, "status": "ACTIVE"}

    def _list(self, study: str, query: str) -> tuple[int, Any]:
        mine = [one for one in self.submissions.values() if one["study"] == study]
        start = int(query.removeprefix("offset=") or 0)
        following = f"{self.address}/api/v1/studies/{study}/submissions/?offset={start + 2}"
        more = {"next": {"href": following if start + 2 < len(mine) else None}}
        return 200, {"results": mine[start : start + 2], "_links": more}

    def _decide(self, body: Any, submission: str) -> tuple[int, Any]:
        if self.submissions[submission]["status"] != "AWAITING REVIEW" or body != {"action": "APPROVE"}:
            return 400, _error("This submission cannot be approved.")
        self.submissions[submission]["status"] = "APPROVED"
        return 200, {"id": submission, "status": "APPROVED"}

    def _ask_back(self, body: Any, submission: str) -> tuple[int, Any]:
        if not all(isinstance(one, str) and one for one in body.get("request_return_reasons") or [None]):
            return 400, _error("request_return_reasons is required.")
        self.submissions[submission]["return_requested"] = True
        return 200, {"id": submission, "status": "AWAITING REVIEW"}

    def _set_up(self, body: Any) -> tuple[int, Any]:
        made = {"id": next(self._ids), "study": body["study_id"], "csv_bonuses": body["csv_bonuses"]}
        self.bonuses[made["id"]] = made
        return 200, made

    def _pay(self, body: Any, bonus: str) -> tuple[int, Any]:
        self.paid.append(bonus)  # as documented: again when asked again
        return 202, {}


def _error(detail: str) -> dict[str, Any]:
    return {"error": {"status": 400, "title": "Request error", "detail": detail}}
