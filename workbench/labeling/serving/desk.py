"""The desk where raters are served: plain JSON in, plain JSON out, everything that comes in distrusted.

A rater is who their token says. An item can be answered only under a lease this server issued to that rater. What was
acknowledged, a vote or a withdrawal, is answered with a receipt, the sealed row itself: a browser that sends it back
restores it even when the server's disk was lost before the Hub had it. Knows nothing of HTTP or of any screen.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from workbench.errors import BadRequest, NotAllowed, StudyError, WorkbenchError
from workbench.labeling.hub.hub import LocalHub
from workbench.labeling.hub.outbox import Outbox
from workbench.labeling.serving import asked as read
from workbench.labeling.serving.pace import Pace
from workbench.labeling.serving.pictures import Shelf
from workbench.labeling.serving.tokens import Sealer
from workbench.labeling.serving.training import Training
from workbench.labeling.serving.words import WORDS
from workbench.labeling.store import members, replicas
from workbench.labeling.store.deciding import ADJUDICATOR
from workbench.labeling.store.entries import COLUMNS, DECISION, LABEL, RATER, WITHDRAWAL
from workbench.labeling.store.exchange import Exchange
from workbench.labeling.store.leases import Lease, Outcome, Vote
from workbench.labeling.store.store import Store
from workbench.labeling.study.details import SIDES
from workbench.labeling.study.items import Item, Picture
from workbench.labeling.study.study import Study, asked_of
from workbench.labeling.study.tasktypes import ACTION_KEYS, display_order
from workbench.settings import Settings

GRACE = 20.0
"""Seconds after a wiped disk in which nothing new is lent: every page that is open comes back within ten and brings the
votes that the Hub had not got, so that no item is lent whose places are taken."""


class Desk:
    """Serves the raters of one study."""

    def __init__(
        self,
        study: Study,
        items: list[Item],
        store: Store,
        outbox: Outbox,
        sealer: Sealer,
        settings: Settings | None = None,
        grace: float = GRACE,
    ) -> None:
        """items: those of the study, registered in the store. settings: how large a picture may be. grace: seconds
        without new items after a wiped disk."""
        self.study, self.store, self.outbox, self.sealer = study, store, outbox, sealer
        self._pictures: dict[str, tuple[Picture, ...]] = {item.id: item.pictures for item in items}
        self._shelf = Shelf(study.folder, settings or Settings(cache=Path(), data=Path()))
        self._life = replicas.life(store.database)
        self._pace = Pace()
        self._grace = grace
        trains = bool(study.practice.csv or study.comprehension)
        self._training = Training(study, store, sealer, self._shelf) if trains else None

    @property
    def boot(self) -> str:
        """The name of this life of the database, the same at every server of it."""
        return self._life.boot

    def welcome(self, language: str = "") -> dict[str, Any]:
        """What a newcomer reads before agreeing to anything: no picture, no item. language: of the study's own texts,
        where it has them in several."""
        study, own = self.study, self.study.texts.get(language, {})
        return {
            "study": study.name,
            "title": own.get("title", study.title),
            "instructions": own.get("instructions", study.instructions),
            "question": study.question,
            "question_words": study.task.question,
            "attribute": own.get("attribute", study.attribute),
            "images": study.task.images,
            "choose_image": study.task.choose_image,
            "picks": study.task.picks,
            "form": study.task.form,
            "asked": asked_of(study),
            "side": SIDES.get(study.task.form, 0),
            "answers": [
                {"key": a.key, "title": a.title, "hotkey": a.hotkey}
                for a in (study.answers if study.task.picks == 1 else study.task.buttons)
                if a.hotkey or not study.task.form
            ],
            "actions": ACTION_KEYS,
            "consent": {
                "version": study.consent.version,
                "text": own.get("consent", study.consent.text),
                "age": study.consent.minimum_age,
            },
            "demographics": [
                {"question": name, "options": list(options)} for name, options in study.demographics.items()
            ],
            "pay": study.crowd.pay,
            "minutes": study.crowd.minutes,
            "least": min(study.crowd.least, study.assigning.most_per_rater) if study.crowd.codes else 0,
            "floor_ms": study.exclusion.floor_ms,
            "contact": study.contact,
            "block": study.blocks.size,
            "break_seconds": study.blocks.break_seconds,
            "synthetic": study.source.synthetic,
            "folder": isinstance(self.outbox.hub, LocalHub),
            "state": self.store.state(study.name) if self.outbox.ready else "starting",
        }

    def enter(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Consent, or its refusal. Agreed: a rater token and a receipt. Refused: where to go, nothing is stored.

        Raises BadRequest when a demographic answer is not offered or the consent text has changed meanwhile.
        """
        self._need_ready()
        person = read.person(self.study, asked)
        if asked.get("agree") is not True:
            return {"state": "no_consent", "redirect": self._redirect("no_consent", person)}
        read.check_accepted(asked)
        if asked.get("version") != self.study.consent.version:
            raise BadRequest(WORDS["new_consent"])
        if self.store.state(self.study.name) == "archived":
            raise NotAllowed(WORDS["archived"])
        told, decides = read.demographics(self.study, asked), self._decider(asked)
        rater = self.store.join(self.study, demographics=told, person=person)
        row = self.store.rater(self.study.name, rater) or {}
        if row.get("state") == "withdrawn":
            raise NotAllowed(WORDS["withdrawn"])
        body: dict[str, Any] = {"study": self.study.name, "rater": rater, "consented_at": row["consented_at"]}
        if decides:
            self.store.appoint(self.study.name, rater, True, decides, came=True)
            body["qualified"] = True  # who decides need not practise
        return {"state": "open", "rater": self.sealer.seal("rater", body), "receipt": self._receipt(RATER, row)}

    def _decider(self, asked: Mapping[str, Any]) -> str:
        """As whom somebody comes to decide about disputed items, by a key or a Hub account; "" for other raters."""
        known = members.roles(self.store, asked.get("key"), str(asked.get("account", "")))
        found = [one for one in known if one.study == self.study.name and one.role == ADJUDICATOR]
        if asked.get("key") and not found:
            raise NotAllowed(WORDS["other_key"])
        return found[0].name if found and self.study.adjudication.rule else ""

    def sync(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One exchange with a rater's browser: receipts and votes in, results, items and "on hub" out.

        asked: rater (token), votes, held (lease tokens), have (ids of items it has the pictures of), resend (receipts),
        check (label ids), want (0 to 4), boot (the server it last spoke to), recent (true: the last answers, which can
        be undone). Votes are durable when this returns. A vote that is refused says why and changes nothing. A browser
        that spoke to another server before is asked to send its receipts first ("resend"), so that this one knows what
        it has judged; "missing" names checked labels that the store does not know (an older copy was put back).
        """
        self._need_ready()
        known = asked.get("boot") in (None, "", self.boot)
        self._look_back(known)
        if not known:
            return {"state": "resend", "boot": self.boot}
        rater, since = self._rater(asked, resend=read.listed(asked, "resend"))
        trains = bool(self._training) and not self.sealer.open("rater", asked["rater"]).get("qualified")
        want, have = 0 if trains else read.wanted(asked), set(map(str, read.listed(asked, "have")))
        check = [str(label)[:64] for label in read.listed(asked, "check")]
        given = [self._read(rater, vote) for vote in read.listed(asked, "votes")]
        held = [self._lease(rater, token) for token in read.listed(asked, "held")]
        votes = [vote for vote in given if not isinstance(vote, WorkbenchError)]
        lend = not self._recovers()
        found = self.store.exchange(self.study, rater, votes, held, want, lend)
        if not found.rater:  # a wiped disk: the rater's own token is enough to go on
            self.store.join(self.study, rater, consented_at=since)
            found = self.store.exchange(self.study, rater, votes, held, want, lend)
        if votes:
            self.outbox.nudge()
        outcomes = iter(found.outcomes or [Outcome("withdrawn")] * len(votes))
        answer = {
            "votes": [self._told(vote, outcomes) for vote in given],
            "items": [self._item(lease) for lease in found.leases if lease.lease not in have],
            "valid": [lease.lease for lease in found.leases],
            "on_hub": sorted(self.outbox.on_hub(check, self.study.name)),
            "boot": self.boot,
        }
        if found.rater != "withdrawn" and (missing := self.outbox.missing(check, self.study.name)):
            answer["missing"] = sorted(missing)
        if asked.get("recent") is True:
            answer["recent"] = self.store.recent(self.study, rater)
        return answer | self._where(rater, found, dry=bool(want) and not found.leases, lend=lend, trains=trains)

    def practice(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One step of what comes before the first item (see `Training.step`). Raises BadRequest where a study has
        none."""
        self._need_ready()
        if self._training is None:
            raise BadRequest("This study has no practice.")
        rater, since = self._rater(asked, resend=[])
        self.store.join(self.study, rater, consented_at=since)  # known already, or the disk was wiped
        told = self._training.step(rater, self.sealer.open("rater", asked["rater"]), asked)
        if told["state"] != "screened_out":
            return told
        return told | {"redirect": self._redirect("screened_out", self.store.person(self.study.name, rater))}

    def undo(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The item of a recent label again, to answer it anew. Raises NotAllowed when it is not one's own or too long
        ago."""
        self._need_ready()
        rater, _ = self._rater(asked, resend=[])
        lease = self.store.revise(self.study, rater, str(asked.get("label", ""))[:64])
        if lease is None:
            raise NotAllowed(WORDS["too_old"])
        return {"item": self._item(lease)}

    def withdraw(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Withdraw all answers of this rater; the private name is erased at once.

        The answer holds a receipt, which the browser sends again (`receipt`) until "on_hub" is true: should the disk be
        lost before, the withdrawal comes back with it.
        """
        self._need_ready()
        rater, _ = self._rater(asked, resend=[])
        at = self._withdrawn_at(rater, asked.get("receipt"))
        self.store.withdraw(self.study.name, rater, at)
        row = self.store.withdrawal(self.study.name, rater) or {}
        on_hub = bool(self.outbox.on_hub([rater], self.study.name, WITHDRAWAL))
        if not on_hub:
            self.outbox.hurry()
        return {
            "state": "withdrawn",
            "on_hub": on_hub,
            "receipt": self._receipt(WITHDRAWAL, row),
            "message": "Your answers were withdrawn and will not be used. Your name here was erased.",
        }

    def _withdrawn_at(self, rater: str, receipt: Any) -> str:
        """When an earlier life of this server acknowledged the withdrawal; "" without a receipt."""
        if receipt in (None, ""):
            return ""
        body = self.sealer.open("receipt", receipt)
        if body["kind"] != WITHDRAWAL or body["row"]["rater"] != rater or body["row"]["study"] != self.study.name:
            raise NotAllowed("This receipt is not that of your withdrawal. Reload the page.")
        return str(body["row"]["withdrawn_at"])

    def _need_ready(self) -> None:
        if not self.outbox.ready:
            raise StudyError(WORDS["starting"])

    def _look_back(self, known: bool) -> None:
        """Note whether the disk was wiped: it began empty, and the Hub or a browser remembers an earlier life."""
        if not self._life.opened_at:
            self._life = replicas.open_life(self.store.database, self.store.now())
        if self._life.began_empty and not self._life.wiped and (not known or self.outbox.recovered):
            self._life = replicas.note_wiped(self.store.database)

    def _recovers(self) -> bool:
        """Whether pages may still come back with votes that nobody here knows."""
        if not self._life.began_empty or abs(self.store.now() - self._life.opened_at) >= self._grace:
            return False
        if not self.store.database.is_sqlite:  # which has one server
            self._life = replicas.life(self.store.database)  # another may have learnt of it
        return self._life.wiped or bool(self._life.receipts_at)

    def _rater(self, asked: Mapping[str, Any], resend: list[Any]) -> tuple[str, str]:
        """Who is asking, and since when they agree; what they bring back is restored."""
        body = self.sealer.open("rater", asked.get("rater"))
        if body.get("study") != self.study.name:
            raise NotAllowed("This rater token belongs to another study. Open the study's own address.")
        rater = str(body["rater"])
        self._pace.take(rater, self.store.now())
        self._restore(rater, resend)
        return rater, str(body["consented_at"])

    def _restore(self, rater: str, receipts: list[Any]) -> None:
        opened = [self.sealer.open("receipt", receipt) for receipt in receipts]
        if any(body["row"]["rater"] != rater or body["row"]["study"] != self.study.name for body in opened):
            raise NotAllowed("A receipt belongs to another rater. Reload the page.")
        if not opened or self.store.is_withdrawn(self.study.name, rater):
            return
        for kind in (RATER, LABEL, DECISION):
            self.store.restore(kind, [body["row"] for body in opened if body["kind"] == kind])
        self._life = replicas.life(self.store.database)

    def _receipt(self, kind: str, row: Mapping[str, Any]) -> str:
        return self.sealer.seal("receipt", {"kind": kind, "row": {name: row[name] for name in COLUMNS[kind]}})

    def _read(self, rater: str, asked: Any) -> tuple[Lease, Vote] | WorkbenchError:
        """One vote with its lease, or why it is refused."""
        try:
            if not isinstance(asked, Mapping):
                raise BadRequest("A vote must be an object.")
            return self._lease(rater, asked.get("lease")), read.vote(self.study, asked)
        except WorkbenchError as error:
            return error

    def _told(self, given: tuple[Lease, Vote] | WorkbenchError, outcomes: Iterator[Outcome]) -> dict[str, Any]:
        """What happened to a vote, in words where it was not counted."""
        if isinstance(given, WorkbenchError):
            return {"state": "refused", "message": str(given)}
        outcome, lease, vote = next(outcomes), given[0].lease, given[1]
        if outcome.label is None:
            return {"state": outcome.state, "id": lease, "message": WORDS[outcome.state]}
        kind = DECISION if given[0].purpose == DECISION else LABEL
        told = {"state": outcome.state, "id": lease, "receipt": self._receipt(kind, outcome.label)}
        stands = outcome.label["answer"]
        return told if stands == vote.answer else told | {"stands": stands, "message": self._contradicted(stands)}

    def _contradicted(self, stands: str) -> str:
        answer = self.study.answer(stands)
        return (
            f"This one was answered before, perhaps in another tab: “{answer.title if answer else 'skipped'}”. That "
            "answer stands; undo to change it."
        )

    def _lease(self, rater: str, token: Any) -> Lease:
        lease = Lease.from_row(self.sealer.open("lease", token))
        if lease.rater != rater or lease.study != self.study.name:
            raise NotAllowed("This lease belongs to another rater. Reload the page to get your own items.")
        return lease

    def _item(self, lease: Lease) -> dict[str, Any]:
        order = display_order(self.study.task, lease.seed)
        shown: dict[str, Any] = {
            "token": self.sealer.seal("lease", lease.as_row()),
            "id": lease.lease,
            "block": lease.block,
        }
        shown |= {"number": lease.number, "again": bool(lease.supersedes), "decides": lease.purpose == DECISION}
        if self.study.task.choose_image:
            shown["keys"] = [f"image_{place + 1}" for place in order[self.study.task.fixed :]]
        try:
            pictures = self._pictures[lease.item]
            shown["images"] = [self._shelf.address(pictures[place].file, pictures[place].sha256) for place in order]
        except (WorkbenchError, KeyError, OSError) as error:
            shown |= {
                "images": [],
                "fault": f"A picture of this item is missing: {type(error).__name__}. Please skip it.",
            }
        return shown

    def _where(self, rater: str, found: Exchange, dry: bool, lend: bool, trains: bool) -> dict[str, Any]:
        """State and progress of this rater; where to go when there is nothing left, and why."""
        state = found.state if found.rater == "active" else found.rater or "withdrawn"
        if found.role and state == "open":
            return self._decides(found, dry, lend)
        most = min(self.study.assigning.most_per_rater, len(self._pictures))
        told: dict[str, Any] = {"answered": found.answered, "most": max(most, found.answered)}
        if state == "open" and dry:
            state = self._dry(rater, found, lend)
        told["state"] = "practice" if trains and state == "open" else "waiting" if state == "recovering" else state
        if state in ("waiting", "complete", "blocked", "archived"):
            blocked = "screened_out" if trains else "failed_checks"
            outcome = blocked if state == "blocked" else self.store.standing(self.study, rater).outcome(self.study)
            if state != "waiting" or outcome == "complete":
                told |= {
                    "outcome": outcome,
                    "redirect": self._redirect(outcome, self.store.person(self.study.name, rater)),
                }
        message = told.get("outcome", "") if state == "complete" and self.study.crowd.codes else state
        return told | ({"message": WORDS[message]} if message in WORDS else {})

    def _decides(self, found: Exchange, dry: bool, lend: bool) -> dict[str, Any]:
        """Where somebody is who decides about disputed items: there is no end, as there may always be new ones."""
        told: dict[str, Any] = {"state": "open", "answered": found.answered, "decides": True}
        told["most"] = found.answered + len(found.leases)
        if dry:
            told |= {"state": "waiting", "message": WORDS["undisputed" if lend else "recovering"]}
        return told

    def _dry(self, rater: str, found: Exchange, lend: bool) -> str:
        """Why nothing is lent: a restart, others who hold the rest, or the end."""
        if not lend:
            return "recovering"
        capped = found.answered >= self.study.assigning.most_per_rater
        return "waiting" if not capped and self.store.may_come_back(self.study, rater) else "complete"

    def _redirect(self, outcome: str, person: Mapping[str, str]) -> str:
        """Where a visit ends: the platform's address with the outcome's code, and its own name for the rater."""
        code, url = self.study.crowd.codes.get(outcome, ""), self.study.crowd.return_url
        if not code or not url:
            return ""
        for name, value in {**person, "code": code}.items():
            url = url.replace(f"{{{name}}}", value if name == "code" else quote(value, safe=""))
        return "" if re.search(r"\{\w+\}", url) else url
