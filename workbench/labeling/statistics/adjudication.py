"""What became of disputed items: what raters said before, what those who decide said, and who they were.

Raters' answers stay as they are; nothing here changes a figure that is made of them.
"""

from dataclasses import dataclass

import pandas as pd

from workbench.labeling.statistics.judgements import counted, given, kinds
from workbench.labeling.study.cells import safe
from workbench.labeling.study.disputes import decided, is_disputed
from workbench.labeling.study.study import Study

COLUMNS = ("item", "group", "answers", "share", "before", "disputed", "after", "by", "final")


@dataclass(frozen=True, slots=True, eq=False)
class Adjudicated:
    """every: one row per item that raters answered: item, group, answers (how many), share (of the most given class),
    before (that class, "" where two are level), disputed, after (the decision, "" for none), by (who decided), final
    (after, else before). who: one row per decider: rater, decided, with_majority. known: decided items of known truth;
    right_before, right_after: how many of them are right, a tie counting half."""

    every: pd.DataFrame
    who: pd.DataFrame
    known: int
    right_before: float
    right_after: float

    @property
    def items(self) -> pd.DataFrame:
        """The rows of items that are disputed or were decided."""
        return self.every[self.every["disputed"] | (self.every["by"] != "")].drop(columns="final")

    def csv(self) -> bytes:
        """`every` as CSV; names that a spreadsheet would run as a formula get an apostrophe in front."""
        texts = {name: self.every[name].map(safe) for name in ("item", "group", "before", "after", "by", "final")}
        return self.every.assign(**texts).to_csv(index=False).encode()

    @property
    def counts(self) -> dict[str, int]:
        """disputed (and not decided), decided, changed."""
        done = self.every[self.every["after"] != ""]
        waiting = self.every["disputed"] & (self.every["after"] == "")
        changed = int((done["before"] != done["after"]).sum())
        return {"disputed": int(waiting.sum()), "decided": len(done), "changed": changed}


def adjudicate(
    study: Study, judgements: pd.DataFrame, excluded: frozenset[str], decisions: pd.DataFrame, items: pd.DataFrame
) -> Adjudicated | None:
    """Set decisions beside what raters said; None where a study has no rule and nobody decided.

    judgements, decisions: as judgements, of raters and of those who decide. excluded: raters whose answers do not make
    the majority; they count in whether an item is disputed, as they did when it was handed out. items: columns item,
    group, truth.
    """
    rows = counted(judgements)
    made = given(decisions) if len(decisions) else decisions
    if not len(rows) or study.classes < 2 or not (study.adjudication.rule or len(made)):
        return None
    made = made.assign(kind=kinds(made)) if len(made) else made
    table = _table(study, rows.assign(kind=kinds(rows)), excluded, made, items)
    truth = items.assign(item=items["item"].astype(str)).set_index("item")["truth"].astype(str)
    done = table[table["after"] != ""]
    done = done.assign(truth=truth.reindex(done["item"]).fillna("").to_numpy())
    done = done[done["truth"] != ""]
    before = float((done["before"] == done["truth"]).sum() + (done["before"] == "").sum() / 2)
    return Adjudicated(table, _who(made, table), len(done), before, float((done["after"] == done["truth"]).sum()))


def _table(
    study: Study, rows: pd.DataFrame, excluded: frozenset[str], made: pd.DataFrame, items: pd.DataFrame
) -> pd.DataFrame:
    group = items.assign(item=items["item"].astype(str)).set_index("item")["group"].fillna("").astype(str)
    everybody = _counts(rows)
    some, told = _counts(rows[~rows["rater"].isin(list(excluded))]), _counts(made) if len(made) else {}
    who = made.groupby("item")["rater"].agg(lambda names: ", ".join(sorted(names))).to_dict() if len(made) else {}
    found = []
    for item in sorted(everybody):
        counts = some.get(item, {})
        answers, before, after = sum(counts.values()), decided(counts), decided(told.get(item, {}))
        share = max(counts.values()) / answers if answers else 0.0
        disputed = is_disputed(everybody[item], study.classes, study.adjudication)
        row = (item, group.get(item, ""), answers, share, before, disputed, after, who.get(item, ""), after or before)
        found.append(row)
    return pd.DataFrame(found, columns=list(COLUMNS))


def _counts(rows: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Item → class → answers."""
    found: dict[str, dict[str, int]] = {}
    for (item, kind), n in rows.groupby(["item", "kind"]).size().items():
        found.setdefault(str(item), {})[str(kind)] = int(n)
    return found


def _who(made: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    columns = ["rater", "decided", "with_majority"]
    if not len(made):
        return pd.DataFrame(columns=columns)
    before = table.set_index("item")["before"]
    agrees = made["kind"].to_numpy() == before.reindex(made["item"].astype(str)).to_numpy()
    found = made.assign(agrees=agrees).groupby("rater")["agrees"].agg(["size", "sum"]).reset_index()
    return found.set_axis(columns, axis=1)
