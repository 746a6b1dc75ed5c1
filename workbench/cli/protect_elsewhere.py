"""What `protect --elsewhere BEFORE AFTER` does: judge a photo that another tool protected. No command of its own."""

import argparse
import json
from pathlib import Path

from workbench.settings import Settings


def add_elsewhere(parser: argparse.ArgumentParser) -> None:
    """The options of judging a photo protected elsewhere."""
    group = parser.add_argument_group("protected elsewhere")
    group.add_argument(
        "--elsewhere",
        nargs=2,
        type=Path,
        metavar=("BEFORE", "AFTER"),
        help="judge a photo that another tool changed: what recognisers (--judge) read, how plainly it is seen",
    )
    group.add_argument("--other", type=Path, metavar="PHOTO", help="compare with this other photo of the person")


def judge(args: argparse.Namespace, settings: Settings) -> int:
    """Print the outcome and every figure as JSON; also into args.out (a file) when given. Exit code 0 whatever the
    outcome."""
    from workbench import batch, images
    from workbench.bench import Workbench
    from workbench.protection.elsewhere import judge_elsewhere, words
    from workbench.protection.evaluation import largest
    from workbench.protection.roles import calibrated_here, checked_roles
    from workbench.protection.summary import record
    from workbench.tasks.parsing import parse

    bench = Workbench(settings)
    before, after = (images.decode(path, settings) for path in args.elsewhere)
    face, finder = largest(before, bench.finder()), bench.finder()
    other = None if args.other is None else images.decode(args.other, settings)
    here = calibrated_here(bench.specs("recognition"), bench.available, bench.threshold)
    judges = [bench.recogniser(name) for name in checked_roles(here, args.judge or here, [])[0]]
    found = judge_elsewhere(
        before,
        face,
        after,
        judges,
        finder,
        parse(before, bench.parser(bench.first("parsing").id), [face]),
        None if other is None else (other, largest(other, finder)),
    )
    told = json.dumps(record(found) | {"words": words(found)}, indent=1, ensure_ascii=False)
    print(told)
    if args.out is not None:
        batch.write_atomically(args.out, (told + "\n").encode())
    return 0
