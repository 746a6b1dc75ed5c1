"""A labeling study on a crowd platform: `label prolific FOLDER create | publish | status | settle | bonus`."""

import argparse
import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.batch.files import write_atomically
from workbench.errors import StudyError
from workbench.settings import Settings

if TYPE_CHECKING:
    from workbench.labeling.serving.prolific import Prolific
    from workbench.labeling.store.store import Store
    from workbench.labeling.study.study import Study

STEPS = ("create", "publish", "status", "settle", "bonus")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `label prolific`."""
    parser.add_argument("step", choices=STEPS, help="settle approves and asks back; nobody is rejected")
    parser.add_argument("--link", help="create: the https address of the study's page")
    parser.add_argument("--places", type=int, default=10, help="create: participants (default 10)")
    parser.add_argument(
        "--go", action="store_true", help="publish, settle, bonus: do it; without, only say what would be done"
    )
    parser.add_argument("--amounts", type=Path, help="bonus: a CSV with the columns rater and amount")


def run(args: argparse.Namespace, study: "Study", store: "Store", settings: Settings) -> int:
    """Carry out one step. Raises StudyError."""
    from workbench.labeling.serving.prolific import ADDRESS, Prolific

    platform = Prolific(settings.prolific_token, settings.prolific_address or ADDRESS)
    note = settings.data / "prolific" / f"{study.name}.json"
    if args.step == "create":
        return _create(args, study, store, platform, note)
    if not note.is_file():
        raise StudyError(f"The study {study.name!r} is not on Prolific yet: `label prolific FOLDER create` first.")
    there = _noted(note)
    steps = {"publish": _publish, "status": _settle, "settle": _settle, "bonus": _bonus}
    return steps[args.step](args, study, store, platform, there)


def _noted(note: Path) -> str:
    """The platform's id of the study. Raises StudyError for a note that does not hold it."""
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["study"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StudyError(
            f'{note} is damaged: it should read {{"study": "…"}} with the id of the study, which Prolific shows.'
        ) from error


def _create(args: argparse.Namespace, study: "Study", store: "Store", platform: "Prolific", note: Path) -> int:
    if note.is_file():
        raise StudyError(f"The study {study.name!r} is on Prolific already; {note} says as which.")
    there = platform.create(study, args.link or "", args.places)
    note.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(note, json.dumps({"study": there}).encode())
    store.write_down(study.name, "owner", "prolific create", f"{there}, {args.places} places")
    print(f"Made a draft on Prolific: {there}. Look at it there; `publish --go` starts it.")
    return 0


def _publish(args: argparse.Namespace, study: "Study", store: "Store", platform: "Prolific", there: str) -> int:
    if not args.go:
        print(f"Would publish {there}: recruiting begins and the cost is locked. Say it with --go.")
        return 0
    state = platform.publish(there)
    store.write_down(study.name, "owner", "prolific publish", there)
    print(f"{there} is {state}")
    return 0


def _settle(args: argparse.Namespace, study: "Study", store: "Store", platform: "Prolific", there: str) -> int:
    from workbench.labeling.serving.settling import due, settle

    decided = due(store, study, platform.submissions(there))
    for one in decided:
        print(f"{one.action:9} {one.submission.submission}  {one.rater or '–'}  {one.why}")
    if args.step == "status" or not args.go:
        print(f"{len(decided)} submissions wait; `settle --go` approves and asks back.")
        return 0
    troubles = settle(platform, store, study, decided)
    for trouble in troubles:
        print(f"not done: {trouble}")
    return 1 if troubles else 0


def _bonus(args: argparse.Namespace, study: "Study", store: "Store", platform: "Prolific", there: str) -> int:
    from workbench.labeling.serving.settling import pay_bonuses

    amounts = _amounts(args.amounts)
    print(f"{len(amounts)} bonuses, {sum(amounts.values()):.2f} {study.crowd.currency} in all")
    if args.go:
        print(f"Paid as {pay_bonuses(platform, store, study, there, amounts)}")
    return 0


def _amounts(path: Path | None) -> dict[str, float]:
    """Rater → amount. Raises StudyError for a file that is none, or a rater that stands there twice."""
    if path is None:
        raise StudyError("bonus needs --amounts, a CSV with the columns rater and amount.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [(row["rater"].strip(), float(row["amount"])) for row in csv.DictReader(stream)]
    except (OSError, UnicodeDecodeError, KeyError, ValueError, AttributeError, csv.Error) as error:
        raise StudyError(f"{path.name}: expected the columns rater and amount ({type(error).__name__}).") from error
    if len(dict(rows)) != len(rows):
        raise StudyError(f"{path.name}: a rater stands there twice.")
    return dict(rows)
