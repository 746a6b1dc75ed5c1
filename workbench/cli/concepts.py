"""Say which parts of the face, and which sex as another model sees it, a model's answer hangs on (TCAV).

Every photo gives its largest face. A concept's examples show one part alone; random sets show the same shapes from
other places of the faces. Sex is a concept by whole faces, against random halves.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from workbench.errors import BadRequest, WorkbenchError
from workbench.settings import Settings

SETS, MOST, SMALLEST = 8, 200, 6
"""Random sets of each concept, photos at most, and pixels of the chip that a part must have."""
GROUPS: dict[str, tuple[str, ...]] = {
    "mouth": ("mouth", "upper_lip", "lower_lip"),
    "eyes": ("image_left_eye", "image_right_eye"),
    "brows": ("image_left_brow", "image_right_brow"),
    "nose": ("nose",),
    "hair": ("hair",),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help=f"a folder of photos; the first {MOST} are read")
    parser.add_argument("--model", default="compact-expression", help="expression or attribute model")
    parser.add_argument("--target", default="happy", help="label whose score is asked (default: happy)")
    parser.add_argument("--parser", default="", help="parser (default: the first one here)")
    parser.add_argument("--sex", default="", help="attribute model with the labels female and male (default: none)")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice (default: 0)")
    parser.add_argument("--out", type=Path, help="CSV to write (default: only print)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.explanation.concepts import tcav
    from workbench.explanation.targets import named

    bench = Workbench(settings)
    spec = bench.spec(args.model)
    model = bench.model(spec.id)
    target = named(model, spec.task, args.target)
    chips, regions, sexes = _faces(args, bench, target)
    found = tcav(target, chips, _examples(chips, regions, sexes, args.seed))
    lines = ["concept,examples,accuracy,score,low,high,chance,p,significant"]
    lines += [
        f"{each.concept},{each.examples},{each.accuracy:.3f},{each.score:.3f},{each.low:.3f},{each.high:.3f},"
        f"{each.chance:.3f},{each.p:.2g},{each.significant}"
        for each in found
    ]
    print("\n".join(lines))
    if args.out:
        args.out.write_text("\n".join(lines) + "\n")
    return 0


def _faces(args: argparse.Namespace, bench: Any, target: Any) -> tuple[Any, list[Any], list[str]]:
    """Chips (N, 3, S, S), the parts on each, and what `--sex` says of each ("" without)."""
    import torch

    from workbench.batch.listing import photos
    from workbench.decoding import decode
    from workbench.explanation.explain import ask
    from workbench.tasks.detection import one_face
    from workbench.tasks.parsing import parse

    parser = bench.parser(args.parser or bench.first("parsing").id)
    judge = bench.model(args.sex) if args.sex else None
    if judge is not None and set(judge.labels) != {"female", "male"}:
        raise BadRequest(f"--sex {args.sex}: expected a model with the labels female and male.")
    chips, regions, sexes = [], [], []
    for path in photos(args.folder)[:MOST]:
        try:
            image = decode(path, bench.settings)
            face = one_face(image, bench.finder(), 1)
            question, _ = ask(target, image, face, parse(image, parser, [face]))
        except WorkbenchError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            continue
        chips.append(question.chip)
        regions.append(question.regions)
        sexes.append("" if judge is None else judge.scores(image, face).top)
    if not chips:
        raise BadRequest(f"{args.folder} holds no photo with a face.")
    return torch.cat(chips), regions, sexes


def _examples(chips: Any, regions: list[Any], sexes: list[str], seed: int) -> dict[str, Any]:
    """Concept to the chips that show it and its random sets; concepts with too few examples are named and left out."""
    import numpy as np

    from workbench.explanation.concepts import LEAST

    random = np.random.default_rng(seed)
    found = {name: _part(chips, regions, parts, random) for name, parts in GROUPS.items()}
    found |= {sex: _whole(chips, sexes, sex, random) for sex in ("female", "male") if sex in sexes}
    few = [name for name, (shown, _) in found.items() if len(shown) < LEAST]
    if few:
        print(f"Left out, with fewer than {LEAST} examples: {', '.join(few)}", file=sys.stderr)
    if len(few) == len(found):
        raise BadRequest(f"Concepts need {LEAST} faces or more with the part; this folder has too few.")
    return {name: each for name, each in found.items() if name not in few}


def _part(chips: Any, regions: list[Any], parts: tuple[str, ...], random: Any) -> Any:
    import numpy as np
    import torch

    from workbench.explanation.concepts import elsewhere, showing
    from workbench.parts import INDEX

    masks = [np.isin(region, [INDEX[part] for part in parts]) for region in regions]
    usable = [place for place, mask in enumerate(masks) if mask.sum() >= SMALLEST]
    if not usable:
        return chips[:0], []
    shown = torch.cat([showing(chips[[place]], masks[place]) for place in usable])
    sets = []
    for _ in range(SETS):
        drawn = [(int(random.choice(len(chips))), masks[int(random.choice(usable))]) for _ in usable]
        sets.append(torch.cat([showing(chips[[place]], elsewhere(mask, random)) for place, mask in drawn]))
    return shown, sets


def _whole(chips: Any, sexes: list[str], sex: str, random: Any) -> Any:
    shown = chips[[place for place, each in enumerate(sexes) if each == sex]]
    return shown, [chips[random.choice(len(chips), max(len(chips) // 2, 1), replace=False)] for _ in range(SETS)]
