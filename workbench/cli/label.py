"""Make, serve, watch and export labeling studies."""

import argparse
import logging
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli import label_crowd, label_decide, label_import, label_studies
from workbench.errors import StudyError
from workbench.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from workbench.labeling.hub.outbox import Outbox
    from workbench.labeling.study.study import Study

FORMATS = (
    "parquet",
    "csv",
    "jsonl",
    "datasets",
    "crowd-kit",
    "label-studio",
    "label-studio-interface",
    "potato",
    "coco",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    init = _action(
        actions, "init", "check a study folder; write the demo study into an empty one; fetch its data set from the Hub"
    )
    init.add_argument(
        "--template", action="store_true", help="write a commented study file to fill in, instead of the demo study"
    )
    serve = _action(actions, "serve", "serve a study to raters and its owner")
    serve.add_argument("--port", type=int, help="default: 7860 or WORKBENCH_PORT")
    serve.add_argument("--host", help="default: this machine only")
    serve.add_argument(
        "--interval", type=float, default=60.0, help="least seconds between two commits to the Hub (default 60)"
    )
    _action(actions, "status", "how far a study is, and what waits for the Hub")
    export = _action(actions, "export", "write the judgements that count to a file")
    export.add_argument("--format", choices=FORMATS, default="parquet", help="default: parquet")
    export.add_argument("--out", type=Path, help="file to write; default: named after the study, in this folder")
    label_import.add_arguments(
        _action(actions, "import", "bring answers, or a whole study, from another labeling tool")
    )
    report = _action(actions, "report", "write one HTML page: quality, agreement, aggregation, humans beside models")
    report.add_argument("--out", type=Path, help="default: STUDY-report.html in this folder")
    report.add_argument(
        "--recognisers",
        nargs="*",
        default=[],
        metavar="ID",
        help="set these beside people; scores are kept in the data folder",
    )
    report.add_argument(
        "--scores",
        type=Path,
        help="instead: a CSV with a column item and one column per recogniser, higher is more alike",
    )
    report.add_argument(
        "--models",
        nargs="*",
        default=[],
        metavar="ID",
        help="expression or attribute models whose labels to set beside people's",
    )
    report.add_argument(
        "--labels",
        type=Path,
        help="instead: a CSV with a column item and one per model, its label, in the study's words",
    )
    report.add_argument("--ability", action="store_true", help="also GLAD and MACE, by crowd-kit")
    report.add_argument("--pictures", action="store_true", help="show the faces of disagreements on the page")
    access = _action(actions, "access", "print all that is kept of one person, as JSON, for whoever asks for it")
    access.add_argument("--participant", help="what the platform calls them")
    access.add_argument("--rater", help="or their random id here")
    adjudicate = _action(actions, "adjudicate", "what raters dispute, who decides about it, and what was decided")
    adjudicate.add_argument("--appoint", nargs="+", default=[], metavar="RATER", help="raters who decide from now on")
    adjudicate.add_argument("--dismiss", nargs="+", default=[], metavar="RATER", help="who judge as others do again")
    adjudicate.add_argument("--out", type=Path, help="write every item as CSV: before, after, by whom, final")
    due = _action(actions, "due", "whose names or answers were kept as long as [retention] says; serving erases them")
    due.add_argument("--go", action="store_true", help="erase them now; without, only say whose")
    _action(actions, "edit", "take in what you changed in a study's file or pictures, on purpose, as a new edition")
    _action(actions, "archive", "close a study to raters; its data are kept, and it can be reopened")
    _action(actions, "reopen", "open an archived or paused study again")
    clone = _action(actions, "clone", "the same study under another name, without its answers")
    clone.add_argument("to", type=Path, help="the new study's folder; its last part is the new name")
    member = _action(actions, "members", "who besides you may do what: owners, adjudicators, readers")
    member.add_argument("--add", metavar="NAME", help="give a role; hub:ACCOUNT is known by the Hub account on a Space")
    member.add_argument("--role", choices=("owner", "adjudicator", "reader"), default="reader", help="default: reader")
    member.add_argument("--remove", metavar="NAME", help="take the role away")
    label_crowd.add_arguments(_action(actions, "prolific", "the study on Prolific: create, publish, settle, bonuses"))
    _action(actions, "push", "push everything that waits to the Hub now")
    compact = _action(actions, "compact", "rewrite earlier days as Parquet on the Hub, without withdrawn raters")
    compact.add_argument("--before", help="compact what was answered before this day, as 2026-01-31 (default: today)")
    compact.add_argument("--squash", action="store_true", help="also forget the data set's history; cannot be undone")


def run(args: argparse.Namespace, settings: Settings) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    actions = {
        "init": _init,
        "serve": _serve,
        "status": _status,
        "export": _export,
        "import": label_import.run,
        "report": _report,
        "prolific": _prolific,
        "access": _access,
        "adjudicate": _adjudicate,
        "due": _due,
        "edit": _studies,
        "archive": _studies,
        "reopen": _studies,
        "clone": _studies,
        "members": _studies,
        "push": _push,
        "compact": _compact,
    }
    return actions[args.action](args, settings)


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, sentence: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=sentence, description=sentence)
    parser.add_argument("folder", type=Path, help="the study's folder (with study.toml)")
    return parser


def _init(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.labeling.study.items import fetch_hub_items
    from workbench.labeling.study.reading import load_items
    from workbench.labeling.study.study import FILE, load_study

    file = args.folder / FILE
    if not file.is_file() and args.template:
        from workbench.labeling.study.template import TEMPLATE

        args.folder.mkdir(parents=True, exist_ok=True)
        file.write_text(TEMPLATE, encoding="utf-8")
        print(f"Wrote {file}. Fill it in, put pictures beside it, and run the same command again.")
        return 0
    if not file.is_file():
        _demo(args.folder, settings)
    study = load_study(args.folder)
    if study.source.hub and not settings.offline:
        fetch_hub_items(study, settings.hub_token)
    items = load_items(study)
    gold = sum(bool(item.gold) for item in items)
    print(f"{study.name}: {len(items)} items, {gold} of them gold; {study.question}")
    print(f"Serve it: python -m workbench label serve {args.folder}")
    return 0


def _demo(folder: Path, settings: Settings) -> None:
    from workbench.bench import Workbench
    from workbench.labeling.study.demo import build_demo, vary
    from workbench.ui.labeling.room import faces_of_nobody

    build_demo(folder, faces_of_nobody(Workbench(settings)), vary)
    print(f"Wrote the demo study into {folder}: drawn faces of nobody.")


def _serve(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.ui.app import launch, prepare
    from workbench.ui.labeling.room import Room, with_owner_token
    from workbench.ui.labeling.tab import build_page

    settings = with_owner_token(replace(settings, port=args.port or settings.port, host=args.host or settings.host))
    bench = Workbench(settings)
    prepare(bench)
    room = Room(bench, args.folder, args.interval)
    service = room.service()
    print(
        (
            f"{service.study.title}: judgements in {service.store.database.describe()}, pushed to "
            f"{service.outbox.hub.name}"
        ),
        flush=True,
    )
    demo = build_page(bench, room)
    launch(demo, bench)
    return 0


def _status(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.labeling.store import readout

    study, outbox = _open(args.folder, settings)
    covered = readout.coverage(outbox.store.database, study.name)
    counts = readout.counts(outbox.store.database, study.name)
    got = covered["wanted"] - covered["missing"]
    state = outbox.store.state(study.name) or "never served"
    print(f"{study.name}: {state}; {got} of {covered['wanted']} judgements on {covered['items']} items")
    print(
        f"{counts['raters']} raters, {counts['withdrawn']} withdrawn, {counts['labels']} rows, {counts['leases']} "
        f"items out now"
    )
    print(f"{outbox.waiting()} rows wait for {outbox.hub.name}")
    return 0


def _export(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.labeling.foreign.files import export
    from workbench.labeling.foreign.given import Shown
    from workbench.labeling.hub.export import FORMATS as OWN
    from workbench.labeling.study.reading import load_items

    study, outbox = _open(args.folder, settings)
    shown = Shown(study, () if args.format in OWN else tuple(load_items(study)))
    name, data = export(outbox.store, shown, args.format)
    path = args.out or Path(name)
    path.write_bytes(data)
    print(f"Wrote {path}: {len(outbox.store.judgements(study.name))} judgements")
    return 0


def _access(args: argparse.Namespace, settings: Settings) -> int:
    import json

    from workbench.labeling.store.subject import kept_of, raters_of

    study, outbox = _open(args.folder, settings)
    database = outbox.store.database
    raters = [args.rater] if args.rater else raters_of(database, study.name, "participant", args.participant or "")
    told = [kept_of(database, study.name, rater) for rater in raters]
    told = [one for one in told if one["about"] or one["answers"] or one["withdrawn_at"]]
    if not told:
        raise StudyError("Nothing is kept of this person, or their names were erased when they withdrew.")
    print(json.dumps(told, ensure_ascii=False, indent=2))
    return 0


def _adjudicate(args: argparse.Namespace, settings: Settings) -> int:
    study, outbox = _open(args.folder, settings)
    return label_decide.run(args, study, outbox.store)


def _due(args: argparse.Namespace, settings: Settings) -> int:
    study, outbox = _open(args.folder, settings)
    return label_studies.erase_due(args.go, study, outbox)


def _studies(args: argparse.Namespace, settings: Settings) -> int:
    study, outbox = _open(args.folder, settings)
    return label_studies.run(args, study, outbox.store)


def _prolific(args: argparse.Namespace, settings: Settings) -> int:
    study, outbox = _open(args.folder, settings)
    return label_crowd.run(args, study, outbox.store, settings)


def _report(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.labeling.report.layers import layers_of
    from workbench.labeling.report.report import pictures_of, report
    from workbench.labeling.statistics.analysis import analyse
    from workbench.labeling.statistics.scores import read_labels, read_scores

    study, outbox = _open(args.folder, settings)
    store = outbox.store
    items = store.items(study.name)
    scores = read_scores(args.scores) if args.scores else _scores(study, items, args.recognisers, settings)
    labels = read_labels(args.labels) if args.labels else _labels(study, items, args.models, settings)
    judged, raters = store.judgements(study.name), store.raters(study.name)
    layer = layers_of(study, items)
    made, told = store.decisions(study.name), store.editions(study.name)
    found = analyse(
        study,
        judged,
        items,
        scores,
        raters,
        predictions=labels,
        layer=layer,
        deep=args.ability,
        decisions=made,
        editions=told,
    )
    written = report(found, pictures_of(study, items) if args.pictures else None)
    print(f"Wrote {written.save(args.out or Path(f'{study.name}-report.html'))}")
    return 0


def _scores(study: "Study", items: "pd.DataFrame", recognisers: list[str], settings: Settings) -> "pd.DataFrame | None":
    from workbench.bench import Workbench
    from workbench.evaluation.pair_scores import score_items

    if not recognisers:
        return None
    table, notes = score_items(study, items, recognisers, Workbench(settings), print)
    for note in notes:
        print(f"not scored: {note}")
    return table


def _labels(study: "Study", items: "pd.DataFrame", models: list[str], settings: Settings) -> "pd.DataFrame | None":
    from workbench.bench import Workbench
    from workbench.evaluation.item_labels import label_items

    if not models:
        return None
    table, notes = label_items(study, items, models, Workbench(settings), print)
    for note in notes:
        print(f"not labelled: {note}")
    return table


def _push(args: argparse.Namespace, settings: Settings) -> int:
    _, outbox = _open(args.folder, settings)
    before = outbox.waiting()
    if not outbox.attempt():
        print(f"{outbox.waiting()} rows still wait for {outbox.hub.name}: {outbox.last_error}")
        return 1
    print(f"{before} rows pushed; everything is on {outbox.hub.name}")
    return 0


def _compact(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.labeling.hub.compaction import compact

    _, outbox = _open(args.folder, settings)
    today = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    before = args.before or today
    try:
        datetime.strptime(before, "%Y-%m-%d")
    except ValueError as error:
        raise StudyError(f"--before: expected a day as 2026-01-31, got {before!r}.") from error
    outbox.hub.ensure()
    account = compact(outbox, before=before)
    print(f"{account['rows']} rows in {account['parquet']} new Parquet files, {account['deleted']} shards removed")
    if args.squash:
        outbox.hub.squash("Forget earlier states")
        print(f"The history of {outbox.hub.name} is forgotten.")
    return 0


def _open(folder: Path, settings: Settings) -> "tuple[Study, Outbox]":
    """The study, and an outbox over the store that the settings name; nothing runs."""
    from workbench.labeling.hub.outbox import Outbox
    from workbench.labeling.serving.service import hub_of, open_store
    from workbench.labeling.study.study import load_study

    study = load_study(folder)
    return study, Outbox(open_store(settings), hub_of(settings, study.name))
