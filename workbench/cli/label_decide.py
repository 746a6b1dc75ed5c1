"""Disputed items of a labeling study: `label adjudicate FOLDER`."""

import argparse
from typing import TYPE_CHECKING

from workbench.batch.files import write_atomically
from workbench.errors import StudyError

if TYPE_CHECKING:
    from workbench.labeling.store.store import Store
    from workbench.labeling.study.study import Study


def run(args: argparse.Namespace, study: "Study", store: "Store") -> int:
    """Appoint and dismiss, then say how far it is. Raises StudyError for a study without a rule or an unknown rater."""
    from workbench.labeling.statistics import quality
    from workbench.labeling.statistics.adjudication import adjudicate

    if not study.adjudication.rule:
        raise StudyError("This study has no rule that says what is disputed: [adjudication] rule in its file.")
    for rater, is_chosen in [(one, True) for one in args.appoint] + [(one, False) for one in args.dismiss]:
        if not store.appoint(study.name, rater, is_chosen):
            raise StudyError(f"There is no active rater {rater!r} in this study.")
        print(f"{rater} {'decides' if is_chosen else 'judges as others do'} from now on")
    table = store.judgements(study.name)
    out = quality.excluded(quality.assess(table, study.exclusion)) if len(table) else frozenset()
    found = adjudicate(study, table, out, store.decisions(study.name), store.items(study.name))
    if found is None:
        print("Nothing was judged yet.")
        return 0
    counts = found.counts
    print(f"{counts['disputed']} items are disputed and wait; {counts['decided']} decided, {counts['changed']} changed")
    for row in found.who.to_dict("records"):
        print(f"{row['rater']}  {row['decided']} decisions, {row['with_majority']} as most raters said")
    if args.out:
        write_atomically(args.out, found.csv())
        print(f"Wrote {args.out}: {len(found.every)} items")
    return 0
