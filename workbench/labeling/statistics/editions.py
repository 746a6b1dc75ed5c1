"""Which edition of a study answers belong to, and which of them are about items as they are now."""

from datetime import datetime, timezone

import numpy as np
import pandas as pd

from workbench.labeling.statistics.judgements import given


def outdated(table: pd.DataFrame, items: pd.DataFrame, editions: pd.DataFrame | None) -> np.ndarray:
    """(n,) bool: rows about an item as it was before it was edited. editions: as `Store.editions` gives them."""
    if editions is None or len(editions) < 2 or "edition" not in items.columns or not len(table):
        return np.zeros(len(table), dtype=bool)
    since = items.assign(item=items["item"].astype(str)).set_index("item")["edition"]
    number = dict(zip(editions["sha256"], editions["number"], strict=True))
    own = table["study_sha256"].map(number).fillna(1).to_numpy()
    return own < table["item"].astype(str).map(since).fillna(1).to_numpy()


def account(table: pd.DataFrame, items: pd.DataFrame, editions: pd.DataFrame | None) -> pd.DataFrame:
    """One row per edition, of a study that was edited: number, since, who, what (was edited), answers, left_out (those
    about an item as it was). Empty otherwise; answers under a file from before editions were kept are the first's."""
    columns = ["number", "since", "who", "what", "answers", "left_out"]
    if editions is None or len(editions) < 2:
        return pd.DataFrame(columns=columns)
    old = pd.Series(outdated(table, items, editions), index=table.index)
    said = given(table)
    number = dict(zip(editions["sha256"], editions["number"], strict=True))
    own = said["study_sha256"].map(number).fillna(1).astype(int)
    rows, toml = [], ""
    for row in editions.to_dict("records"):
        mine = own == row["number"]
        edited = sorted(map(str, row["changed"]))
        parts = ["texts or rules"] * bool(toml and row["toml"] != toml) + [", ".join(edited[:20])] * bool(edited)
        parts += [f"and {len(edited) - 20} more items"] * (len(edited) > 20)
        at = datetime.fromtimestamp(row["at"], timezone.utc).strftime("%Y-%m-%d %H:%M") if row["at"] else "the start"
        what = "; ".join(parts) or "–"
        rows.append((row["number"], at, row["who"] or "–", what, int(mine.sum()), int(old[said.index][mine].sum())))
        toml = row["toml"]
    return pd.DataFrame(rows, columns=columns)
