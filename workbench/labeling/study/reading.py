"""All items of a study, from whatever its file names: a CSV, a folder, a data set on the Hub, or people in folders."""

from workbench.errors import StudyError
from workbench.labeling.study.items import (
    Item,
    check_items,
    hashed,
    hub_folder,
    inside,
    items_from_csv,
    items_from_folder,
)
from workbench.labeling.study.pairs import build_pairs
from workbench.labeling.study.study import Study


def load_items(study: Study) -> list[Item]:
    """All items of a study, with every picture found, looked at and hashed. Raises StudyError naming the first that is
    wrong."""
    if study.source.csv:
        items = list(
            items_from_csv(study, (hub_folder(study) if study.source.hub else study.folder) / study.source.csv)
        )
    elif study.source.folder:
        items = items_from_folder(study)
    else:
        source = study.source
        people = inside(study.folder, source.identities)
        items = build_pairs(people, source.same, source.different, seed=study.seed, root=study.folder)
    if not items:
        raise StudyError("[items]: no item was found.")
    check_items(study, items)
    return list(hashed(items, study.folder))
