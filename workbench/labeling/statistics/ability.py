"""How able raters are and how hard items are, estimated together: GLAD (Whitehill et al. 2009) and MACE (Hovy et al.
2013), by crowd-kit, which is not part of the usual install."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.errors import StudyError
from workbench.labeling.statistics.judgements import kinds


@dataclass(frozen=True, slots=True, eq=False)
class Ability:
    """labels: item → columns glad, mace: the likeliest class. raters: rater, answers, glad (ability α: above 0 better
    than chance, below 0 against the truth), mace (competence: the share of answers not made up, 0..1). items: item,
    hardness (1 / β of GLAD: 0 easy, growing)."""

    labels: pd.DataFrame
    raters: pd.DataFrame
    items: pd.DataFrame


def ability(rows: pd.DataFrame) -> Ability:
    """Fit both to judgements that count. Some seconds for 10,000 of them.

    Raises StudyError when crowd-kit is not here, or when there is only one class.
    """
    try:
        from crowdkit.aggregation import GLAD, MACE
    except ImportError as error:
        raise StudyError("GLAD and MACE need the package crowd-kit: pip install 'face-workbench[stats]'.") from error
    votes = pd.DataFrame(
        {"task": rows["item"].astype(str), "worker": rows["rater"].astype(str), "label": kinds(rows).astype(str)}
    ).sort_values(["task", "worker"], ignore_index=True)
    if votes["label"].nunique() < 2:
        raise StudyError("GLAD and MACE: expected answers of two classes or more.")
    glad, mace = GLAD(silent=True), MACE(n_restarts=4, random_state=0)
    labels = pd.DataFrame({"glad": glad.fit_predict(votes), "mace": mace.fit_predict(votes)})
    workers = pd.unique(votes["worker"])  # MACE numbers them as they come
    spamming = pd.DataFrame(mace.spamming_, index=workers)
    raters = pd.DataFrame(
        {
            "answers": votes.groupby("worker").size(),
            "glad": glad.alphas_,
            "mace": spamming[1] / spamming.sum(axis=1),
        }
    )
    hardness = np.exp(-glad.betas_)
    items = pd.DataFrame({"item": hardness.index.astype(str), "hardness": hardness.to_numpy()})
    return Ability(labels, raters.rename_axis("rater").reset_index(), items.sort_values("hardness", ascending=False))
