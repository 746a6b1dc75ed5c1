"""List, fetch, convert and verify weights."""

import argparse
import threading
from pathlib import Path

from tqdm import tqdm

from workbench.batch.files import write_atomically
from workbench.bench import Workbench
from workbench.catalog import own
from workbench.catalog.spec import ModelSpec
from workbench.cli import calibrate, own_models
from workbench.errors import BadWeights, WorkbenchError
from workbench.settings import Settings
from workbench.sources import fetching as sources


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="every model, whether it is here, its size and licences")
    fetch = actions.add_parser("fetch", help="bring weights here, once")
    fetch.add_argument("ids", nargs="*", help="model ids; none: the default set")
    fetch.add_argument("--all", action="store_true", help="every model that can be fetched")
    convert = actions.add_parser(
        "convert", help="turn a training checkpoint into safetensors, once: smaller, and mapped when loaded"
    )
    convert.add_argument("ids", nargs="+", help="model ids")
    convert.add_argument(
        "--drop-original", action="store_true", help="delete a fetched checkpoint once its conversion is verified"
    )
    verify = actions.add_parser("verify", help="hash what is here against the record")
    verify.add_argument("ids", nargs="*", help="model ids; none: all that are here")
    add = actions.add_parser("add", help="keep models of your own: a TOML file of rows (docs/own_models.md)")
    add.add_argument("file", type=Path)
    check = actions.add_parser("check", help="load a model, run it on a face, and say what it makes of it")
    check.add_argument("ids", nargs="+", help="model ids")
    measure = actions.add_parser("calibrate", help="make a threshold for a recogniser from photos of known people")
    measure.add_argument("id", help="a recogniser")
    measure.add_argument("folder", type=Path, help="a folder per person, at least a thousand pairs of two people")
    card = actions.add_parser("card", help="a model's card, with the figures measured here and by you")
    card.add_argument("id", help="model id")
    card.add_argument("--out", type=Path, help="a file, usually README.md of a repository; default: the terminal")
    remove = actions.add_parser("remove", help="take a model of your own out again; its files stay")
    remove.add_argument("ids", nargs="+", help="model ids")


def run(args: argparse.Namespace, settings: Settings) -> int:
    actions = {"list": _list, "fetch": _fetch, "convert": _convert, "verify": _verify}
    actions |= {"calibrate": calibrate.run, "card": _card}
    return (actions | {"add": own_models.add, "check": own_models.check, "remove": own_models.remove})[args.action](
        args, settings
    )


def _here(spec: ModelSpec, settings: Settings) -> bool:
    return all(sources.locate(file, settings) for file in spec.files)


def _list(args: argparse.Namespace, settings: Settings) -> int:
    for spec in own.known(settings).values():
        state = (
            "here"
            if _here(spec, settings)
            else f"{spec.download_bytes / 1e6:.0f} MB away"
            if spec.download_bytes
            else "absent"
        )
        print(f"{spec.id:28} {spec.task:12} {state:14} {spec.title}")
        print(f"{'':28} weights: {spec.weights_license or 'unknown'}; data: {spec.data_license or 'unknown'}")
    return 0


def _chosen(args: argparse.Namespace, settings: Settings) -> list[ModelSpec]:
    rows = own.known(settings)
    if args.ids:
        bench = Workbench(settings, rows)
        return [bench.spec(name) for name in args.ids]
    if args.action == "fetch":
        return [
            spec
            for spec in rows.values()
            if spec.default or (args.all and not any(file.scheme == "local" for file in spec.files))
        ]
    return [spec for spec in rows.values() if _here(spec, settings)]


def _fetch(args: argparse.Namespace, settings: Settings) -> int:
    failed = 0
    wanted = [spec for spec in _chosen(args, settings) if not _here(spec, settings)]
    for spec in wanted:
        print(f"{spec.title}\n  weights: {spec.weights_license}; trained on: {spec.data_license}")
        try:
            with _Bar() as bar:
                sources.fetch(spec.files, settings, bar.show)
            _say_commits(spec, settings)
        except WorkbenchError as error:
            failed += 1
            print(f"  failed: {error}")
    if not args.ids:
        _make_examples(settings)
    print(f"{len(wanted) - failed} fetched, {failed} failed, everything else was already here.")
    return 1 if failed else 0


def _say_commits(spec: ModelSpec, settings: Settings) -> None:
    """Tell which commit an unpinned Hub file came from: the next fetch asks for the same."""
    for file in spec.files:
        if file.scheme == "hub" and (noted := sources.locked(file, settings)):
            print(
                f"  {file.source.rpartition(':')[2]}: commit {noted['commit'][:12]}, noted in "
                f"{settings.cache / 'hub.lock.json'}"
            )


def _convert(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.models.files.convert import convert

    failed = 0
    for spec in _chosen(args, settings):
        try:
            for done in convert(spec, settings):
                size = (
                    f"{done.before / 1e6:.0f} MB → {done.after / 1e6:.0f} MB"
                    if done.new
                    else f"{done.after / 1e6:.0f} MB, was converted before"
                )
                print(f"{spec.id:28} {done.weights} weights, {size}: {done.path}")
            if args.drop_original:
                _drop_originals(spec, settings)
        except WorkbenchError as error:
            failed += 1
            print(f"{spec.id:28} failed: {error}")
    return 1 if failed else 0


def _drop_originals(spec: ModelSpec, settings: Settings) -> None:
    """Delete fetched checkpoints whose conversion is whole; a file of yours (`local:`) is never touched."""
    for file in spec.files:
        if (
            file.scheme != "local"
            and sources.converted(file, settings)
            and (original := sources.place(file, settings)).is_file()
        ):
            sources.verify(file, settings)
            original.unlink()
            print(f"{'':28} deleted {original}")


def _card(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.cards import records
    from workbench.cards.card import make_card
    from workbench.cards.markdown import for_the_hub

    spec = Workbench(settings).spec(args.id)
    text = for_the_hub(make_card(spec, records.last(spec.id, settings.data)))
    if args.out is None:
        print(text, end="")
    else:
        write_atomically(args.out, text.encode())
        print(f"The card is {args.out}.")
    return 0


def _make_examples(settings: Settings) -> None:
    """Write the example photos once, those of an older version anew; they need the models that were just fetched."""
    from workbench.publish import examples

    bench = Workbench(settings)
    if not examples.are_made(settings):
        print(f"Made {len(examples.make(bench))} example photos.")


def _verify(args: argparse.Namespace, settings: Settings) -> int:
    bad = 0
    for spec in _chosen(args, settings):
        try:
            for file in spec.files:
                sources.verify(file, settings)
            print(f"{spec.id:28} good")
        except BadWeights as error:
            bad += 1
            print(f"{spec.id:28} BAD: {error}")
    return 1 if bad else 0


class _Bar:
    """One tqdm bar that a `sources.Progress` feeds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bar: tqdm | None = None

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *reason: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, done: int, total: int, name: str) -> None:
        with self._lock:
            if self._bar is None or self._bar.desc != f"  {name}: ":
                if self._bar is not None:
                    self._bar.close()
                self._bar = tqdm(total=total or None, desc=f"  {name}", unit="B", unit_scale=True, leave=True)
            self._bar.update(done - self._bar.n)
