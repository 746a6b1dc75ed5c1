"""What the owner of a study sees and may do. Every call needs the owner's token, or
a member's whose role allows it; a caller without either learns nothing.

Plain JSON in and out, like the desk's. Knows nothing of HTTP or of any screen.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import pandas as pd

from workbench.errors import BadRequest
from workbench.labeling.foreign.files import export
from workbench.labeling.foreign.given import Shown
from workbench.labeling.hub.compaction import compact
from workbench.labeling.hub.export import FORMATS as OWN
from workbench.labeling.serving.access import Gate
from workbench.labeling.serving.bringing_in import bring_in
from workbench.labeling.serving.rights import let_in
from workbench.labeling.serving.service import Service
from workbench.labeling.statistics import quality
from workbench.labeling.statistics.adjudication import Adjudicated, adjudicate
from workbench.labeling.store import members, readout
from workbench.labeling.store.clock import iso
from workbench.labeling.store.deciding import ADJUDICATOR
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import Study

Scorer = Callable[[Study, pd.DataFrame, Sequence[str]], tuple[pd.DataFrame, tuple[str, ...]]]
"""Study, items and recognisers → a table with column item and one per recogniser, and notes on what could not be
scored."""
ALARM = 0.8
"""The owner is warned when a smaller share of the raters who can be judged is valid."""
_HOUR = 3600.0


class Owner:
    """The owner's side of a running study."""

    def __init__(
        self, service: Service, gate: Gate, recognisers: Sequence[str] = (), score: Scorer | None = None
    ) -> None:
        """gate: decides who the owner is. recognisers: those that `score` can ask; the report sets them beside
        people."""
        self._service, self._gate = service, gate
        self._store, self._study = service.store, service.study
        self._checked: tuple[tuple[int, int], list[quality.Verdict]] = ((0, 0), [])
        self._recognisers, self._score = tuple(recognisers) if score and service.study.task.images == 2 else (), score

    def do(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out `asked["action"]` for whoever shows `asked["token"]` (the server's owner's, or a member's) or is
        signed in as `asked["account"]`, from the address `asked["caller"]`.

        Raises NotAllowed for who may not do that, BadRequest for no such action.
        """
        who = let_in(self._gate, self._store, self._study.name, asked, str(asked.get("action")))
        asked = {**asked, "who": who}
        actions: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "overview": lambda a: self.overview(),
            "raters": lambda a: {"raters": self.raters()},
            "audit": lambda a: {"audit": self._store.audit_log(self._study.name)},
            "pause": lambda a: self._state(a, "paused"),
            "open": lambda a: self._state(a, "open"),
            "archive": lambda a: self._state(a, "archived"),
            "members": lambda a: self._members(),
            "add_member": self._add_member,
            "remove_member": self._remove_member,
            "block": lambda a: self._rater(a, "blocked"),
            "unblock": lambda a: self._rater(a, "active"),
            "appoint": lambda a: self._appoint(a, True),
            "dismiss": lambda a: self._appoint(a, False),
            "adjudication": self._adjudication,
            "requeue": self._requeue,
            "export": self._export,
            "import": lambda a: bring_in(self._service, a),
            "push": lambda a: self._push(),
            "compact": self._compact,
            "squash": self._squash,
            "report": self._report,
        }
        action = actions.get(str(asked.get("action")))
        if action is None:
            raise BadRequest(
                f"There is no action {str(asked.get('action'))[:40]!r}; expected one of {', '.join(actions)}."
            )
        return action(asked)

    def overview(self) -> dict[str, Any]:
        """Coverage per group, what is missing, how fast it comes in, when it will be done, and the state of the
        outbox."""
        name = self._study.name
        covered, counts = readout.coverage(self._store.database, name), readout.counts(self._store.database, name)
        status = self._service.outbox.status()
        speed = self._speed()
        return {
            "study": name,
            "title": self._study.title,
            "state": self._store.state(name),
            "coverage": covered,
            "target": self._study.assigning.raters_per_item,
            "counts": counts,
            "per_hour": speed,
            "hours_left": round(covered["missing"] / speed, 1) if speed else None,
            "outbox": {"hub": status.hub, "ready": status.ready, "waiting": status.waiting}
            | {"last_push": status.last_push, "last_error": status.last_error},
            "valid": self._valid(counts),
            "disputes": self._disputes(),
            "kept": {"names": self._study.retention.names, "answers": self._study.retention.answers},
            "recognisers": list(self._recognisers),
        }

    def raters(self) -> list[dict[str, Any]]:
        """One row per rater: answers, median time, gold, verdict and its reasons."""
        table = self._store.judgements(self._study.name)
        counts = self._counts()
        verdicts = {verdict.rater: verdict for verdict in self._verdicts(counts)}
        twins = self._store.twins(self._study.name)
        chosen, rows = self._store.deciders(self._study.name), []
        for row in self._store.raters(self._study.name).to_dict("records"):
            verdict = verdicts.get(row["rater"])
            own = table[table["rater"] == row["rater"]]
            gold = own["correct"].dropna()
            rows.append(
                {
                    "rater": row["rater"],
                    "state": row["state"],
                    "role": ADJUDICATOR if row["rater"] in chosen else "",
                    "answered": int(row["answered"]),
                    "seen_at": row["seen_at"],
                }
                | {"seconds": round(float(own["response_ms"].median()) / 1000, 1) if len(own) else None}
                | {"gold": f"{int(gold.sum())}/{len(gold)}", "verdict": verdict.verdict if verdict else "not checked"}
                | {"reasons": [*_doubles(twins.get(row["rater"], [])), *(verdict.reasons if verdict else ())]}
            )
        return rows

    def _verdicts(self, counts: Mapping[str, int]) -> list[quality.Verdict]:
        """Verdicts on all raters, worked out anew only when rows have come or gone: rows are never changed in place."""
        state = (counts["labels"], counts["withdrawn"])
        if self._checked[0] != state:
            table = self._store.judgements(self._study.name)
            self._checked = (state, quality.assess(table, self._study.exclusion) if len(table) else [])
        return self._checked[1]

    def _valid(self, counts: Mapping[str, int]) -> dict[str, Any]:
        """Share of raters not excluded, among those with enough answers to be judged; who could not be checked is no
        failure."""
        verdicts = self._verdicts(counts)
        judged = [verdict for verdict in verdicts if verdict.judged >= self._study.exclusion.smallest]
        share = sum(verdict.verdict != "exclude" for verdict in judged) / len(judged) if judged else None
        return {
            "share": share,
            "judged": len(judged),
            "unchecked": len(verdicts) - len(judged),
            "alarm": share is not None and share < ALARM,
        }

    def _speed(self) -> float:
        """Judgements in the last hour."""
        times = self._store.judgements(self._study.name)["answered_at"]
        return float((times > iso(self._store.now() - _HOUR)).sum()) if len(times) else 0.0

    def _state(self, asked: Mapping[str, Any], state: str) -> dict[str, Any]:
        self._store.set_state(self._study.name, state, asked["who"])
        return {"state": state}

    def _members(self) -> dict[str, Any]:
        return {
            "members": [{"name": one.name, "role": one.role} for one in members.members(self._store, self._study.name)]
        }

    def _add_member(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Give somebody a role; `token` is shown this once."""
        name, role = str(asked.get("name", "")), str(asked.get("role", ""))
        token = members.add(self._store, self._study.name, name, role, asked["who"])
        return self._members() | {"token": token, "name": name, "role": role}

    def _remove_member(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        members.remove(self._store, self._study.name, str(asked.get("name", "")), asked["who"])
        return self._members()

    def _rater(self, asked: Mapping[str, Any], state: str) -> dict[str, Any]:
        rater = str(asked.get("rater", ""))[:64]
        if not self._store.set_rater_state(self._study.name, rater, state, asked["who"]):
            raise BadRequest(f"There is no active rater {rater!r} in this study.")
        return {"rater": rater, "state": state}

    def _appoint(self, asked: Mapping[str, Any], is_chosen: bool) -> dict[str, Any]:
        rater = str(asked.get("rater", ""))[:64]
        if is_chosen and not self._study.adjudication.rule:
            raise BadRequest("This study has no rule that says what is disputed: [adjudication] rule in its file.")
        if not self._store.appoint(self._study.name, rater, is_chosen, asked["who"]):
            raise BadRequest(f"There is no active rater {rater!r} in this study.")
        return {"rater": rater, "decides": is_chosen}

    def _adjudicated(self) -> Adjudicated | None:
        name = self._study.name
        out, table = quality.excluded(self._verdicts(self._counts())), self._store.judgements(name)
        return adjudicate(self._study, table, out, self._store.decisions(name), self._store.items(name))

    def _disputes(self) -> dict[str, int] | None:
        """How many items are disputed, decided and changed; None where the study has no rule."""
        found = self._adjudicated() if self._study.adjudication.rule else None
        return found.counts if found else None

    def _adjudication(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Every item with what raters and those who decide say of it, as CSV."""
        found = self._adjudicated()
        if found is None:
            raise BadRequest("Nothing is disputed in this study, and nobody has decided anything.")
        name = f"{self._study.name}-decisions.csv"
        self._store.write_down(self._study.name, asked["who"], "export", name)
        return {"name": name, "base64": base64.b64encode(found.csv()).decode()}

    def _counts(self) -> dict[str, int]:
        return readout.counts(self._store.database, self._study.name)

    def _requeue(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """More judgements for some items, or for all that a rater judged."""
        items, more = asked.get("items", []), asked.get("more", 1)
        if asked.get("rater"):
            table = self._store.judgements(self._study.name)
            items = sorted(set(table[table["rater"] == str(asked["rater"])]["item"]))
        if not isinstance(items, list) or not items or not isinstance(more, int) or not 1 <= more <= 100:
            raise BadRequest("Requeue: expected a list of items (or a rater) and 1 to 100 more judgements for each.")
        return {"requeued": self._store.requeue(self._study.name, [str(item) for item in items], more, asked["who"])}

    def _export(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        kind = str(asked.get("format"))
        shown = Shown(self._study, () if kind in OWN else tuple(load_items(self._study)))
        name, data = export(self._store, shown, kind)
        self._store.write_down(self._study.name, asked["who"], "export", name)
        return {"name": name, "base64": base64.b64encode(data).decode()}

    def _push(self) -> dict[str, Any]:
        done = self._service.outbox.attempt()
        return {"done": done, "error": self._service.outbox.last_error}

    def _compact(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        today = datetime.fromtimestamp(self._store.now(), timezone.utc).strftime("%Y-%m-%d")
        account = compact(self._service.outbox, before=today)
        self._store.write_down(self._study.name, asked["who"], "compact", str(account))
        return account

    def _squash(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self._service.outbox.hub.squash("Forget earlier states")
        self._store.write_down(self._study.name, asked["who"], "squash", self._service.outbox.hub.name)
        return {"squashed": self._service.outbox.hub.name}

    def _report(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The report page; `recognisers` names those to set beside people, `pictures` puts faces into its gallery."""
        from workbench.labeling.report.layers import layers_of
        from workbench.labeling.report.report import pictures_of, report
        from workbench.labeling.statistics.analysis import analyse

        chosen = asked.get("recognisers", [])
        if not isinstance(chosen, list) or not set(map(str, chosen)) <= set(self._recognisers):
            raise BadRequest(
                f"Report: expected recognisers among {', '.join(self._recognisers) or 'none'}, got {str(chosen)[:80]}."
            )
        items, raters = self._store.items(self._study.name), self._store.raters(self._study.name)
        scores = self._score(self._study, items, [str(name) for name in chosen])[0] if self._score and chosen else None
        table, layer = self._store.judgements(self._study.name), layers_of(self._study, items)
        made, told = self._store.decisions(self._study.name), self._store.editions(self._study.name)
        found = analyse(
            self._study, table, items, scores, raters, rounds=300, layer=layer, decisions=made, editions=told
        )
        self._store.write_down(self._study.name, asked["who"], "report", ", ".join(map(str, chosen)))
        return {"html": report(found, pictures_of(self._study, items) if asked.get("pictures") is True else None).html}


def _doubles(others: Sequence[str]) -> list[str]:
    """What the owner is told of raters who came with one platform id."""
    return [f"Came with the same platform id as {', '.join(others)}: look before paying or counting both."] * bool(
        others
    )
