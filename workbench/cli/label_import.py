"""Bring another labeling tool's answers into a study: `label import FOLDER FILE`."""

import argparse
from pathlib import Path

from workbench.errors import StudyError
from workbench.settings import Settings

FORMATS = ("label-studio", "potato", "coco", "csv", "jsonl", "parquet", "datasets")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `label import`."""
    parser.add_argument("file", type=Path, help="what the other tool exported (datasets: the zip, or its folder)")
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument(
        "--word",
        action="append",
        default=[],
        metavar="THEIRS=OURS",
        help='what one of the other tool\'s answers means here, as "Same person=same_2"; may be given often',
    )
    parser.add_argument(
        "--lenient", action="store_true", help="leave out answers that do not fit, instead of refusing the file"
    )
    parser.add_argument("--pictures", type=Path, help="where there is no study yet: the folder its pictures are in")
    parser.add_argument("--task", help="where there is no study yet: what it asks, for example category or points")
    parser.add_argument("--attribute", default="", help="where there is no study yet: the words of its question")
    parser.add_argument("--choices", nargs="*", default=[], help="where there is no study yet; default: those met")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Import, and say what came of it. Raises StudyError, and then nothing was changed."""
    from workbench.labeling.foreign.bringing import bring
    from workbench.labeling.foreign.files import read
    from workbench.labeling.foreign.given import Shown
    from workbench.labeling.serving.access import owner_token
    from workbench.labeling.serving.service import open_store
    from workbench.labeling.serving.tokens import Sealer, signing_secret
    from workbench.labeling.study.reading import load_items
    from workbench.labeling.study.study import FILE, load_study

    if not (args.folder / FILE).is_file():
        _make(args)
    study = load_study(args.folder)
    items = load_items(study)
    store = open_store(settings)
    store.add_study(study, items)
    secret = Sealer(signing_secret(settings.data, owner_token(settings))).key("import")
    shown = Shown(study, tuple(items), _words(args.word))
    account = bring(store, study, items, read(args.file, shown, args.format), secret, lenient=args.lenient)
    for sentence in account.left_out[:20]:
        print(f"left out: {sentence}")
    print(
        f"{account.new} answers by {account.raters} new raters imported, {account.already} were here already, "
        f"{len(account.left_out)} left out"
    )
    return 0


def _make(args: argparse.Namespace) -> None:
    from workbench.labeling.foreign.making import Asked, make

    if not args.pictures or not args.task:
        raise StudyError(
            f"There is no study in {args.folder} yet. Say --pictures FOLDER and --task, and one is made from the file."
        )
    asked = Asked(args.task, args.attribute, tuple(args.choices))
    study = make(args.folder, args.file, args.format, args.pictures, asked)
    print(f"Made the study {study.name!r} in {args.folder}: {study.question}")


def _words(given: list[str]) -> dict[str, str]:
    """Their word → our answer. Raises StudyError for one without =."""
    pairs = [one.rpartition("=") for one in given]
    if bad := [one for one, (theirs, _, _) in zip(given, pairs, strict=True) if not theirs]:
        raise StudyError(f"--word: expected THEIRS=OURS, got {bad[0][:60]!r}.")
    return {theirs: ours for theirs, _, ours in pairs}
