"""What a rater's browser sent, checked piece by piece before anything is done with it."""

from collections.abc import Mapping
from typing import Any

from workbench.errors import BadRequest
from workbench.labeling.serving.words import WORDS
from workbench.labeling.store.leases import FLAGS, Vote
from workbench.labeling.study.details import check_detail
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import SKIP

PREFETCH = 4
"""Items a browser may hold: the one on the screen and three more."""
MOST = {"votes": 20, "held": 8, "have": 8, "resend": 100, "check": 300}
_DAY_MS = 86_400_000
_LONGEST = 200


def listed(asked: Mapping[str, Any], name: str) -> list[Any]:
    """A list of at most MOST[name]; empty when it was not sent. Raises BadRequest."""
    value = asked.get(name, [])
    if not isinstance(value, list) or len(value) > MOST[name]:
        raise BadRequest(f"{name}: expected a list of at most {MOST[name]}.")
    return value


def wanted(asked: Mapping[str, Any]) -> int:
    """How many items the browser wants to hold. Raises BadRequest."""
    want = asked.get("want", 0)
    if isinstance(want, bool) or not isinstance(want, int) or not 0 <= want <= PREFETCH:
        raise BadRequest(f"want: expected 0 to {PREFETCH}, got {str(want)[:40]!r}.")
    return want


def vote(study: Study, asked: Mapping[str, Any]) -> Vote:
    """An answer of this study. Raises BadRequest with what was expected."""
    answer, elapsed, age = asked.get("answer"), asked.get("response_ms"), asked.get("age_ms", 0)
    if not isinstance(answer, str) or (answer != SKIP and study.answer(answer) is None):
        known = ", ".join([*(a.key for a in study.answers), SKIP])
        raise BadRequest(f"answer: expected one of {known}, got {str(answer)[:40]!r}.")
    if answer != SKIP:
        check_detail(study.task.form, study.asked, answer)
    for name, value in (("response_ms", elapsed), ("age_ms", age)):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _DAY_MS:
            raise BadRequest(f"{name}: expected whole milliseconds from 0 to a day, got {str(value)[:40]!r}.")
    flags, reason = asked.get("flags", []), asked.get("reason", "")
    if not isinstance(flags, list) or any(flag not in FLAGS for flag in flags) or len(set(flags)) != len(flags):
        raise BadRequest(f"flags: expected some of {', '.join(FLAGS)}, got {str(flags)[:60]!r}.")
    if not isinstance(reason, str) or len(reason) > _LONGEST or not _is_text(reason):
        raise BadRequest(f"reason: expected text of at most {_LONGEST} characters.")
    return Vote(answer, int(elapsed or 0), tuple(flags), reason, age / 1000)


def demographics(study: Study, asked: Mapping[str, Any]) -> dict[str, str]:
    """Question → answer, of those the study offers. Raises BadRequest."""
    given = asked.get("demographics") or {}
    if not isinstance(given, Mapping):
        raise BadRequest("demographics: expected an object of question and answer.")
    for question, answer in given.items():
        if answer not in study.demographics.get(str(question), ()):
            raise BadRequest(f"demographics: {str(answer)[:40]!r} is not offered for {str(question)[:40]!r}.")
    return {str(question): str(answer) for question, answer in given.items()}


def person(study: Study, asked: Mapping[str, Any]) -> dict[str, str]:
    """Platform names from the address, under the private names the study gives them; unknown parameters are dropped.

    Raises BadRequest when they are no object.
    """
    given = asked.get("parameters") or {}
    known = study.crowd.parameters
    if not isinstance(given, Mapping):
        raise BadRequest("parameters: expected an object.")
    return {
        known[name]: value
        for name, value in given.items()
        if name in known and isinstance(value, str) and 0 < len(value) <= 100 and _is_text(value)
    }


def check_accepted(asked: Mapping[str, Any]) -> None:
    """Raises BadRequest for who only previews a task (as MTurk marks them): their answers would be nobody's."""
    given = asked.get("parameters")
    if isinstance(given, Mapping) and given.get("assignmentId") == "ASSIGNMENT_ID_NOT_AVAILABLE":
        raise BadRequest(WORDS["preview"])


def _is_text(value: str) -> bool:
    """Whether it can be stored: half a character (a lone surrogate) or a null cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value
