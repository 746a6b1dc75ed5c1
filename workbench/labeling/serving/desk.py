"""The desk where raters are served: plain JSON in, plain JSON out, everything that comes in distrusted.

A rater is who their token says. An item can be answered only under a lease this server issued to that rater. What was
acknowledged is answered with a receipt, the sealed row itself: a browser that sends it back restores the vote even when
the server's disk was lost before the Hub had it. Knows nothing of HTTP or of any screen.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from workbench.errors import BadRequest, NotAllowed, StudyError, WorkbenchError
from workbench.labeling.hub.outbox import Outbox
from workbench.labeling.serving.pictures import Shelf
from workbench.labeling.serving.tokens import Sealer
from workbench.labeling.store import schema
from workbench.labeling.store.entries import COLUMNS, LABEL, RATER
from workbench.labeling.store.exchange import Exchange
from workbench.labeling.store.leases import FLAGS, REVISION, Lease, Outcome, Vote
from workbench.labeling.store.store import Store
from workbench.labeling.study.items import Item, Picture
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import SKIP, display_order

PREFETCH = 4
"""Items a browser may hold: the one on the screen and three more."""
MOST = {"votes": 20, "held": 8, "have": 8, "resend": 100, "check": 300}
_DAY_MS = 86_400_000
_LONGEST = 200
_BURST, _PER_SECOND = 120.0, 60.0

WORDS = {
    "expired": "This pair was shown too long ago and went to somebody else; the answer was not counted.",
    "withdrawn": "These answers were withdrawn, nothing more is stored. Thank you all the same.",
    "taken": "This answer was already changed elsewhere; the newer one stands.",
}


class Desk:
    """Serves the raters of one study."""

    def __init__(self, study: Study, items: list[Item], store: Store, outbox: Outbox, sealer: Sealer) -> None:
        """items: those of the study, registered in the store."""
        self.study, self.store, self.outbox, self.sealer = study, store, outbox, sealer
        self._pictures: dict[str, tuple[Picture, ...]] = {item.id: item.pictures for item in items}
        self._shelf = Shelf(study.folder)
        self.boot = secrets.token_hex(8)
        self._paces: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._guard = threading.Lock()

    def welcome(self) -> dict[str, Any]:
        """What a newcomer reads before agreeing to anything: no picture, no item."""
        study = self.study
        return {
            "study": study.name,
            "title": study.title,
            "instructions": study.instructions,
            "question": study.question,
            "images": study.task.images,
            "choose_image": study.task.choose_image,
            "answers": [{"key": a.key, "title": a.title, "hotkey": a.hotkey} for a in study.answers],
            "consent": {"version": study.consent.version, "text": study.consent.text, "age": study.consent.minimum_age},
            "demographics": [
                {"question": name, "options": list(options)} for name, options in study.demographics.items()
            ],
            "pay": study.crowd.pay,
            "minutes": study.crowd.minutes,
            "contact": study.contact,
            "block": study.blocks.size,
            "break_seconds": study.blocks.break_seconds,
            "synthetic": study.source.synthetic,
            "state": self.store.state(study.name) if self.outbox.ready else "starting",
        }

    def enter(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Consent, or its refusal. Agreed: a rater token and a receipt. Refused: where to go, nothing is stored.

        Raises BadRequest when a demographic answer is not offered or the consent text has changed meanwhile.
        """
        self._need_ready()
        if asked.get("agree") is not True:
            return {"state": "no_consent", "redirect": self._redirect("no_consent")}
        if asked.get("version") != self.study.consent.version:
            raise BadRequest("The consent text has changed since you opened this page. Reload it and read it again.")
        rater = self.store.join(self.study, demographics=self._demographics(asked), person=self._person(asked))
        row = self.store.rater(self.study.name, rater) or {}
        if row.get("state") == "withdrawn":
            raise NotAllowed(WORDS["withdrawn"])
        body = {"study": self.study.name, "rater": rater, "consented_at": row["consented_at"]}
        kept = {name: row[name] for name in COLUMNS[RATER]}
        return {
            "state": "open",
            "rater": self.sealer.seal("rater", body),
            "receipt": self.sealer.seal("receipt", {"kind": RATER, "row": kept}),
        }

    def sync(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One exchange with a rater's browser: receipts and votes in, results, items and "on hub" out.

        asked: rater (token), votes, held (lease tokens), have (ids of items it has the pictures of), resend (receipts),
        check (label ids), want (0 to 4), boot (the server it last spoke to). Votes are durable when this returns. A
        vote that is refused says why and changes nothing. A browser that spoke to another server before is asked to
        send its receipts first ("resend"), so that this one knows what it has judged.
        """
        self._need_ready()
        if asked.get("boot") not in (None, "", self.boot):
            return {"state": "resend", "boot": self.boot}
        rater, since = self._rater(asked, resend=_list(asked, "resend"))
        want = asked.get("want", 0)
        if isinstance(want, bool) or not isinstance(want, int) or not 0 <= want <= PREFETCH:
            raise BadRequest(f"want: expected 0 to {PREFETCH}, got {str(want)[:40]!r}.")
        have, check = set(map(str, _list(asked, "have"))), [str(label)[:64] for label in _list(asked, "check")]
        read = [self._read(rater, vote) for vote in _list(asked, "votes")]
        held = [self._lease(rater, token) for token in _list(asked, "held")]
        votes = [vote for vote in read if not isinstance(vote, WorkbenchError)]
        found = self.store.exchange(self.study, rater, votes, held, want)
        if not found.rater:  # a wiped disk: the rater's own token is enough to go on
            self.store.join(self.study, rater, consented_at=since)
            found = self.store.exchange(self.study, rater, votes, held, want)
        if votes:
            self.outbox.nudge()
        outcomes = iter(found.outcomes or [Outcome("withdrawn")] * len(votes))
        answer = {
            "votes": [self._told(vote, outcomes) for vote in read],
            "items": [self._item(lease) for lease in found.leases if lease.lease not in have],
            "valid": [lease.lease for lease in found.leases],
            "on_hub": sorted(self.outbox.on_hub(check)),
            "boot": self.boot,
        }
        return answer | self._where(rater, found, dry=bool(want) and not found.leases)

    def undo(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The item of a recent label again, to answer it anew. Raises NotAllowed when it is not one's own or too long
        ago."""
        self._need_ready()
        rater, _ = self._rater(asked, resend=[])
        lease = self.store.revise(self.study, rater, str(asked.get("label", ""))[:64])
        if lease is None:
            raise NotAllowed(f"Only one's own last {self.study.assigning.undo_window} answers can be changed.")
        return {"item": self._item(lease)}

    def withdraw(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Withdraw all answers of this rater; the private name is erased at once."""
        rater, _ = self._rater(asked, resend=[])
        self.store.withdraw(self.study.name, rater)
        self.outbox.nudge()
        return {
            "state": "withdrawn",
            "message": "Your answers were withdrawn and will not be used. Your name here was erased.",
        }

    def _need_ready(self) -> None:
        if not self.outbox.ready:
            raise StudyError("The study is starting: it is bringing back earlier answers. This page goes on by itself.")

    def _rater(self, asked: Mapping[str, Any], resend: list[Any]) -> tuple[str, str]:
        """Who is asking, and since when they agree; what they bring back is restored."""
        body = self.sealer.open("rater", asked.get("rater"))
        if body.get("study") != self.study.name:
            raise NotAllowed("This rater token belongs to another study. Open the study's own address.")
        rater = str(body["rater"])
        self._pace(rater)
        self._restore(rater, resend)
        return rater, str(body["consented_at"])

    def _restore(self, rater: str, receipts: list[Any]) -> None:
        opened = [self.sealer.open("receipt", receipt) for receipt in receipts]
        if any(body["row"]["rater"] != rater or body["row"]["study"] != self.study.name for body in opened):
            raise NotAllowed("A receipt belongs to another rater. Reload the page.")
        if not opened or self.store.is_withdrawn(self.study.name, rater):
            return
        for kind in (RATER, LABEL):
            self.store.restore(kind, [body["row"] for body in opened if body["kind"] == kind])

    def _read(self, rater: str, asked: Any) -> tuple[Lease, Vote] | WorkbenchError:
        """One vote with its lease, or why it is refused."""
        try:
            if not isinstance(asked, Mapping):
                raise BadRequest("A vote must be an object.")
            return self._lease(rater, asked.get("lease")), self._read_vote(asked)
        except WorkbenchError as error:
            return error

    def _told(self, read: tuple[Lease, Vote] | WorkbenchError, outcomes: Iterator[Outcome]) -> dict[str, Any]:
        """What happened to a vote, in words where it was not counted."""
        if isinstance(read, WorkbenchError):
            return {"state": "refused", "message": str(read)}
        outcome, lease = next(outcomes), read[0].lease
        if outcome.label is None:
            return {"state": outcome.state, "id": lease, "message": WORDS[outcome.state]}
        receipt = self.sealer.seal(
            "receipt", {"kind": LABEL, "row": {name: outcome.label[name] for name in COLUMNS[LABEL]}}
        )
        return {"state": outcome.state, "id": lease, "receipt": receipt}

    def _lease(self, rater: str, token: Any) -> Lease:
        lease = Lease.from_row(self.sealer.open("lease", token))
        if lease.rater != rater or lease.study != self.study.name:
            raise NotAllowed("This lease belongs to another rater. Reload the page to get your own items.")
        return lease

    def _read_vote(self, asked: Mapping[str, Any]) -> Vote:
        answer, elapsed, age = asked.get("answer"), asked.get("response_ms"), asked.get("age_ms", 0)
        if not isinstance(answer, str) or (answer != SKIP and self.study.answer(answer) is None):
            known = ", ".join([*(a.key for a in self.study.answers), SKIP])
            raise BadRequest(f"answer: expected one of {known}, got {str(answer)[:40]!r}.")
        for name, value in (("response_ms", elapsed), ("age_ms", age)):
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _DAY_MS:
                raise BadRequest(f"{name}: expected whole milliseconds from 0 to a day, got {str(value)[:40]!r}.")
        flags, reason = asked.get("flags", []), asked.get("reason", "")
        if not isinstance(flags, list) or any(flag not in FLAGS for flag in flags) or len(set(flags)) != len(flags):
            raise BadRequest(f"flags: expected some of {', '.join(FLAGS)}, got {str(flags)[:60]!r}.")
        if not isinstance(reason, str) or len(reason) > _LONGEST:
            raise BadRequest(f"reason: expected text of at most {_LONGEST} characters.")
        return Vote(answer, int(elapsed or 0), tuple(flags), reason, age / 1000)

    def _item(self, lease: Lease) -> dict[str, Any]:
        order = display_order(self.study.task, lease.seed)
        shown: dict[str, Any] = {
            "token": self.sealer.seal("lease", lease.as_row()),
            "id": lease.lease,
            "block": lease.block,
        }
        shown |= {"number": lease.number, "again": lease.purpose == REVISION}
        if self.study.task.choose_image:
            shown["keys"] = [f"image_{place + 1}" for place in order[self.study.task.fixed :]]
        try:
            pictures = self._pictures[lease.item]
            shown["images"] = [self._shelf.address(pictures[place].file, pictures[place].sha256) for place in order]
        except (StudyError, KeyError, OSError) as error:
            shown |= {
                "images": [],
                "fault": f"A picture of this item is missing: {type(error).__name__}. Please skip it.",
            }
        return shown

    def _where(self, rater: str, found: Exchange, dry: bool) -> dict[str, Any]:
        """State and progress of this rater; where to go when there is nothing left."""
        state = found.state if found.rater == "active" else found.rater or "withdrawn"
        if state == "open" and dry:
            state = "complete"
        most = min(self.study.assigning.most_per_rater, len(self._pictures))
        told: dict[str, Any] = {"state": state, "answered": found.answered, "most": max(most, found.answered)}
        if state in ("complete", "blocked"):
            told["redirect"] = self._redirect("complete" if self._passed(rater) else "failed_checks")
        return told

    def _passed(self, rater: str) -> bool:
        """Whether gold was answered well enough for the completion code; with fewer than three gold answers it always
        was."""
        table = schema.labels
        query = sa.select(table.c.correct).where(
            table.c.study == self.study.name, table.c.rater == rater, table.c.correct.is_not(None)
        )
        gold = list(self.store.database.run(lambda c: c.scalars(query).all()))
        return len(gold) < 3 or sum(map(bool, gold)) / len(gold) >= self.study.exclusion.gold_accuracy

    def _redirect(self, outcome: str) -> str:
        code = self.study.crowd.codes.get(outcome, "")
        return self.study.crowd.return_url.replace("{code}", code) if code and self.study.crowd.return_url else ""

    def _demographics(self, asked: Mapping[str, Any]) -> dict[str, str]:
        given = asked.get("demographics") or {}
        if not isinstance(given, Mapping):
            raise BadRequest("demographics: expected an object of question and answer.")
        for question, answer in given.items():
            if answer not in self.study.demographics.get(str(question), ()):
                raise BadRequest(f"demographics: {str(answer)[:40]!r} is not offered for {str(question)[:40]!r}.")
        return {str(question): str(answer) for question, answer in given.items()}

    def _person(self, asked: Mapping[str, Any]) -> dict[str, str]:
        """Platform names from the address, under the private names the study gives them; unknown parameters are
        dropped."""
        given = asked.get("parameters") or {}
        known = self.study.crowd.parameters
        if not isinstance(given, Mapping):
            raise BadRequest("parameters: expected an object.")
        return {
            known[name]: value
            for name, value in given.items()
            if name in known and isinstance(value, str) and 0 < len(value) <= 100
        }

    def _pace(self, rater: str) -> None:
        """No rater needs more than 60 exchanges a second; a script that does waits."""
        now = self.store.now()
        with self._guard:
            left, then = self._paces.pop(rater, (_BURST, now))
            left = min(_BURST, left + max(0.0, now - then) * _PER_SECOND) - 1
            self._paces[rater] = (max(left, 0.0), now)
            while len(self._paces) > 10_000:
                self._paces.popitem(last=False)
        if left < 0:
            raise NotAllowed("Too many requests in a second. Wait a moment; nothing was lost.")


def _list(asked: Mapping[str, Any], name: str) -> list[Any]:
    value = asked.get(name, [])
    if not isinstance(value, list) or len(value) > MOST[name]:
        raise BadRequest(f"{name}: expected a list of at most {MOST[name]}.")
    return value
