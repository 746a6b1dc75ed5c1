"""Labels that expression and attribute models give to a study's pictures, in the study's own words."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from workbench.errors import BadRequest, WorkbenchError
from workbench.evaluation.answers import Ask
from workbench.evaluation.asking import Models, asker
from workbench.labeling.study.items import inside
from workbench.labeling.study.study import Study


def label_items(
    study: Study,
    items: pd.DataFrame,
    models: Sequence[str],
    bench: Models,
    tell: Callable[[str], None] = lambda words: None,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A table with column item, and for each model its class and "MODEL certainty"; and notes on pictures without one.

    Of a model's labels those that the study offers are asked about, by their names without regard to case; the
    likeliest of these is the class. Raises BadRequest for a study that is not about one picture with classes, and for a
    model with fewer than two of them.
    """
    if study.task.images != 1 or study.task.ordinal:
        raise BadRequest(f"Models give labels to single pictures; study {study.name!r} asks something else.")
    table, notes = pd.DataFrame({"item": items["item"].astype(str)}), list[str]()
    for model_id in dict.fromkeys(models):
        own = bench.model(model_id).labels
        offered = {answer.key.casefold(): answer.key for answer in study.answers}
        known = {n: offered[str(label).casefold()] for n, label in enumerate(own) if str(label).casefold() in offered}
        if len(known) < 2:
            raise BadRequest(
                f"{model_id} knows {', '.join(map(str, own))}; of these the study offers "
                f"{', '.join(known.values()) or 'none'}. Two or more are needed: name the choices as the model does."
            )
        tell(f"{model_id}: {len(items)} pictures, classes {', '.join(known.values())}")
        ask = asker("labels", model_id, bench)
        found = [_label(inside(study.folder, pictures[0][0]), ask, known) for pictures in items["pictures"]]
        table[model_id] = [label for label, _, _ in found]
        table[f"{model_id} certainty"] = [sure for _, sure, _ in found]
        notes += [f"{model_id}, item {i}: {why}" for i, (_, _, why) in zip(table["item"], found, strict=True) if why]
    return table, tuple(notes)


def _label(path: Path, ask: Ask, known: dict[int, str]) -> tuple[str, float, str]:
    try:
        values = ask(path)[0]
    except WorkbenchError as error:
        return "", float("nan"), str(error)
    shares = {name: float(values[n]) for n, name in known.items()}
    best = max(shares, key=shares.__getitem__)
    return best, shares[best] / max(sum(shares.values()), 1e-12), ""
