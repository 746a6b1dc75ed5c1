"""Several studies: `label archive | reopen | clone | members | edit | due FOLDER`."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.labeling.hub.outbox import Outbox
    from workbench.labeling.store.store import Store
    from workbench.labeling.study.study import Study


def run(args: argparse.Namespace, study: "Study", store: "Store") -> int:
    """Carry out one of them. Raises StudyError."""
    if args.action == "clone":
        from workbench.labeling.study.cloning import clone

        print(f"Made {clone(study.folder, args.to, args.to.name).name} in {args.to}, without answers.")
        return 0
    if args.action == "edit":
        return _edit(study, store)
    if args.action == "members":
        return _members(args, study, store)
    store.set_state(study.name, "archived" if args.action == "archive" else "open")
    print(f"{study.name} is {store.state(study.name)}")
    return 0


def _edit(study: "Study", store: "Store") -> int:
    from workbench.labeling.study.reading import load_items

    store.add_study(study, load_items(study), edit=True)
    store.note_editions(study)
    last = store.editions(study.name).iloc[-1]
    items = ", ".join(sorted(last["changed"])) or "no item"
    print(f"{study.name} is in edition {last['number']}; edited with it: {items}. Restart what serves it.")
    return 0


def _members(args: argparse.Namespace, study: "Study", store: "Store") -> int:
    from workbench.labeling.store import members

    if args.remove:
        members.remove(store, study.name, args.remove)
    if args.add:
        token = members.add(store, study.name, args.add, args.role)
        said = f"token, shown this once: {token}" if token else "known by the Hub account on a Space"
        print(f"{args.add}: {args.role}; {said}")
    for one in members.members(store, study.name):
        print(f"{one.role:12} {one.name}")
    return 0


def erase_due(go: bool, study: "Study", outbox: "Outbox") -> int:
    """Say whose names and answers are due, and erase them if `go`. Raises SourceUnreachable."""
    from workbench.labeling.hub import keeping_clock
    from workbench.labeling.store.keeping_times import due

    found = due(outbox.store, study)
    print(f"{study.name}: names of {len(found.names)} raters and answers of {len(found.answers)} are due")
    if go:
        count = keeping_clock.erase_due(outbox)
        print(f"Erased what was due of {count} raters, in all studies of this database. The history of")
        print(f"{outbox.hub.name} still holds pushed answers until `label compact --squash`.")
    return 0
