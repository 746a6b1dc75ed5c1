"""A study on Prolific: created, published, its submissions approved or asked back, bonuses paid, by the platform's API
(docs.prolific.com, version 1).

Nobody is rejected here: who failed is asked to return, and a person decides about the rest. The token is sent to the
one address and nowhere else.
"""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import StudyError
from workbench.labeling.study.study import Study

ADDRESS = "https://api.prolific.com"
CODE_TYPES = {"complete": "COMPLETED", "failed_checks": "FAILED_ATTENTION_CHECK", "no_consent": "NO_CONSENT"}
"""Outcome → what Prolific calls its code; any other is OTHER."""
PARAMETERS = {"PROLIFIC_PID": "{{%PROLIFIC_PID%}}", "STUDY_ID": "{{%STUDY_ID%}}", "SESSION_ID": "{{%SESSION_ID%}}"}
MOST_BONUSES = 200
"""Participants one bulk payment may have."""
RETURN_REASON = "Too few of the answers can be counted: skipped, too fast, or plain comparison pairs answered wrongly."
_LARGEST = 20_000_000


@dataclass(frozen=True, slots=True)
class Submission:
    """One visit. submission: its id (the session of the link). participant: who. status: as Prolific spells it."""

    submission: str
    participant: str
    status: str


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The token goes to one address: an answer that points elsewhere is an error."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Prolific:
    """Prolific's API for one researcher."""

    def __init__(self, token: str, address: str = ADDRESS, seconds: float = 30.0) -> None:
        """token: of the researcher. Raises StudyError without one, or for an address that is not https (loopback may
        be plain)."""
        parts = urllib.parse.urlsplit(address)
        if not token:
            raise StudyError("Prolific needs PROLIFIC_TOKEN, an API token of your workspace's settings.")
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
            raise StudyError(f"Prolific's address must be https, got {address[:80]!r}.")
        self._token, self._address, self._seconds = token, address.rstrip("/"), seconds
        self._opener = urllib.request.build_opener(_NoRedirect)

    def create(self, study: Study, link: str, places: int) -> str:
        """A draft of the study for so many participants; its id. link: of the study's page, https.

        Raises StudyError when the study file lacks what Prolific asks for.
        """
        return _said(self._call("POST", "/api/v1/studies/", draft(study, link, places)), "id")

    def publish(self, study_id: str) -> str:
        """Start recruiting, which costs money; the status that it has then."""
        return _said(
            self._call("POST", f"/api/v1/studies/{_id(study_id)}/transition/", {"action": "PUBLISH"}), "status"
        )

    def submissions(self, study_id: str) -> list[Submission]:
        """All submissions of a study."""
        found: list[Submission] = []
        path = f"/api/v1/studies/{_id(study_id)}/submissions/"
        for _ in range(1000):
            page = self._call("GET", path)
            found += [
                Submission(*(_said(row, name) for name in ("id", "participant_id", "status"))) for row in _listed(page)
            ]
            following = _following(page)
            if not following:
                return found
            if not following.startswith(self._address + "/api/"):
                raise StudyError("Prolific's next page lies at another address; nothing more was read.")
            path = following.removeprefix(self._address)
        raise StudyError("Prolific's list of submissions does not end.")

    def approve(self, submission: str) -> None:
        """Approve, and so pay, a submission."""
        self._call("POST", f"/api/v1/submissions/{_id(submission)}/transition/", {"action": "APPROVE"})

    def ask_back(self, submission: str, reason: str = RETURN_REASON) -> None:
        """Ask a participant to return a submission; no mark against them."""
        body = {"request_return_reasons": [reason]}
        self._call("POST", f"/api/v1/submissions/{_id(submission)}/request-return/", body)

    def set_up_bonuses(self, study_id: str, amounts: Mapping[str, float]) -> str:
        """Prepare bonuses, participant → amount in the study's currency; the id to pay them by. Nothing is paid yet."""
        if not 0 < len(amounts) <= MOST_BONUSES or any(not 0 < amount <= 1000 for amount in amounts.values()):
            raise StudyError(f"Bonuses: expected 1 to {MOST_BONUSES} participants and amounts above 0, at most 1000.")
        lines = "\n".join(f"{_id(who)},{amount:.2f}" for who, amount in amounts.items())
        body = {"study_id": _id(study_id), "csv_bonuses": lines}
        return _said(self._call("POST", "/api/v1/submissions/bonus-payments/", body), "id")

    def pay_bonuses(self, bonus_id: str) -> None:
        """Pay them. Prolific pays again when this is called again: the caller keeps note of what was paid."""
        self._call("POST", f"/api/v1/bulk-bonus-payments/{_id(bonus_id)}/pay/", {})

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, data, method=method)
        request.add_header("Authorization", f"Token {self._token}")
        request.add_header("Content-Type", "application/json")
        try:
            with self._opener.open(request, timeout=self._seconds) as answer:
                text = answer.read(_LARGEST)
            return json.loads(text) if text.strip() else {}
        except urllib.error.HTTPError as error:
            raise StudyError(f"Prolific refused ({error.code}): {_told(error.read(4000))}") from None
        except (OSError, ValueError, http.client.HTTPException, RecursionError) as error:
            raise StudyError(
                f"Prolific could not be asked: {type(error).__name__}. Look there before asking again."
            ) from None


def draft(study: Study, link: str, places: int) -> dict[str, Any]:
    """What Prolific is told of a study. Raises StudyError naming what the study file lacks."""
    crowd = study.crowd
    parts = urllib.parse.urlsplit(link)
    if parts.scheme != "https" or not parts.netloc:
        raise StudyError(f"Prolific sends people to an https address, got {link[:80]!r}.")
    lacking = [name for name, there in (("reward", crowd.reward), ("minutes", crowd.minutes)) if not there]
    lacking += [f"codes.{name}" for name in ("complete",) if name not in crowd.codes]
    lacking += [f"parameters.{name}" for name in ("PROLIFIC_PID", "SESSION_ID") if name not in crowd.parameters]
    if lacking:
        raise StudyError(f"[crowd]: Prolific needs {', '.join(lacking)} in the study file.")
    asked = "&".join(f"{name}={value}" for name, value in PARAMETERS.items() if name in crowd.parameters)
    return {
        "name": study.title,
        "internal_name": study.name,
        "description": study.instructions,
        "external_study_url": f"{link}{'&' if parts.query else '?'}{asked}",
        "prolific_id_option": "url_parameters",
        "completion_codes": [
            {"code": code, "code_type": CODE_TYPES.get(outcome, "OTHER"), "actions": [{"action": "MANUALLY_REVIEW"}]}
            for outcome, code in crowd.codes.items()
        ],
        "total_available_places": places,
        "estimated_completion_time": crowd.minutes,
        "reward": round(100 * crowd.reward),
        "device_compatibility": ["desktop", "tablet", "mobile"],
    }


def _id(word: str) -> str:
    """An id as it may stand in a path. Raises StudyError."""
    if not word.isascii() or not word.isalnum() or len(word) > 64:
        raise StudyError(f"Prolific: {word[:40]!r} is no id.")
    return word


def _said(answer: Any, name: str) -> str:
    """A word of an answer. Raises StudyError where it is not there or is no word: nothing is guessed."""
    word = answer.get(name) if isinstance(answer, Mapping) else None
    if not isinstance(word, str) or not word:
        raise StudyError(f"Prolific's answer does not say {name!r}. Look there before asking again.")
    return word


def _listed(page: Any) -> list[Any]:
    """The rows of a page. Raises StudyError where it has none, not even an empty list."""
    rows = page.get("results") if isinstance(page, Mapping) else None
    if not isinstance(rows, list):
        raise StudyError("Prolific's answer does not say 'results'. Look there before asking again.")
    return rows


def _following(page: Mapping[str, Any]) -> str:
    """The address of the next page, "" after the last."""
    at: Any = page
    for name in ("_links", "next", "href"):
        at = at.get(name) if isinstance(at, Mapping) else None
    return at if isinstance(at, str) else ""


def _told(body: bytes) -> str:
    """What the platform says is wrong, in at most 300 characters."""
    try:
        error = json.loads(body)["error"]
        return str(error.get("detail") or error.get("title") or error)[:300]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return body.decode(errors="replace")[:300] or "no reason given"
