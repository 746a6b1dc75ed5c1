"""A threshold for a recogniser that has none, from photos of people who are known."""

import argparse
import sys

from workbench.bench import Workbench
from workbench.evaluation import calibrating
from workbench.settings import Settings


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Ask the recogniser about every photo of `args.folder`, and keep the threshold in the data folder."""
    bench = Workbench(settings)
    model = bench.recogniser(args.id)
    names, vectors = calibrating.vectors_of(
        args.folder, bench.finder(), {args.id: model}, settings, lambda words: print(words, file=sys.stderr)
    )
    found = calibrating.calibrate(names, vectors[args.id], model.metric)
    path = calibrating.keep(args.id, found, settings)
    print(
        f"{args.id}: {model.metric.word} {model.metric.sign} {found.threshold:.4f} counts as one person; one in a "
        f"hundred of {found.pairs} pairs of {found.people} different people passes. Kept in {path}."
    )
    return 0
