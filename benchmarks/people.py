"""How well the faces of a folder are put into people, by method and recogniser, and what is found that was planted.

    python benchmarks/people.py FOLDER --out DIR

FOLDER holds photos named after people (Ann_Lee_0002.jpg). The distances were chosen on half of the people; figures are
of all, of that half, and of the half that chose nothing. Planted: labels exchanged between people, and copies saved
again, made smaller, mirrored and cropped.
"""

import argparse
import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

from workbench import batch
from workbench.batch import Table, unescaped
from workbench.bench import Workbench
from workbench.images import decode
from workbench.metrics.clustering import bcubed, pairwise
from workbench.metrics.pairs import even, person
from workbench.people.asking import COLUMNS, look
from workbench.people.faces import Faces, from_rows
from workbench.people.grouping import METHODS, Way, group
from workbench.people.looking import doubts, duplicates
from workbench.scale.plain import Wish, work_through
from workbench.scale.step import settle
from workbench.settings import Settings
from workbench.thresholds import Metric

MODELS = ("sface", "dlib", "mobilefacenet", "faceres")


def faces_of(folder: Path, model: str, out: Path, bench: Workbench) -> Faces:
    table = out / f"{model}.csv"
    step = settle("people", bench, {"model": model, "largest": True})
    work_through(step, batch.listed(folder), table, table, bench, Wish(1))
    rows = [{**row, "file": unescaped(row["file"])} for row in Table(table, COLUMNS).rows()]
    loaded = bench.recogniser(model)
    return from_rows(rows, model, loaded.metric, loaded.threshold)


def read_rows(path: Path) -> dict[str, np.ndarray]:
    """The vectors of a table that `people --largest` wrote, by photo."""
    rows = ({**row, "file": unescaped(row["file"])} for row in Table(path, COLUMNS).rows())
    faces = from_rows(rows, path.stem, Metric.COSINE, None)
    return dict(zip(faces.photos, faces.vectors, strict=True))


def grouped(faces: Faces) -> None:
    who = np.array([person(photo) for photo in faces.photos])
    half = np.array([even(name) for name in who])
    for method in METHODS:
        cells = []
        for rows in (np.flatnonzero(half), np.flatnonzero(~half), np.arange(len(who))):
            found = group(faces.only(rows), Way(method))
            one, two = bcubed(found.tolist(), who[rows].tolist()), pairwise(found.tolist(), who[rows].tolist())
            cells += [f"{one.f:.3f}", f"{two.f:.3f} ({two.precision:.2f}, {two.recall:.2f})"]
        print(f"| {faces.model} | {method} | {' | '.join(cells)} |")


def exchanged(faces: Faces, share: float, seed: int = 0) -> None:
    """Labels exchanged among people with at least three photos; a hit is a doubted face that was exchanged."""
    who = [person(photo) for photo in faces.photos]
    rng = np.random.default_rng(seed)
    rows = [i for i, name in enumerate(who) if who.count(name) >= 3]
    moved = rng.choice(rows, round(share * len(rows)), replace=False)
    given, others = list(who), sorted({who[i] for i in rows})
    for i in moved:
        given[i] = str(rng.choice([name for name in others if name != who[i]]))
    doubted = {each.face for each in doubts(faces, given)}
    hits = len(doubted & set(moved.tolist()))
    print(f"| {faces.model} | {100 * share:.0f} % | {len(moved)} | {hits} | {len(doubted) - hits} |")


def planted(folder: Path, names: list[str], model: str, bench: Workbench) -> None:
    """Copies of photos beside them: how many are found, and how many pairs are no copies."""
    finder, loaded, settings = bench.finder(), bench.recogniser(model), bench.settings
    rows = [{"file": name, **row} for name in names for row in look(folder / name, finder, loaded, settings, True)]
    plain = duplicates(from_rows(rows, model, loaded.metric, loaded.threshold))
    for kind, change in CHANGES.items():
        made, lost = [], 0
        for name in names:
            try:
                found = look(change(Image.fromarray(decode(folder / name, settings))), finder, loaded, settings, True)
            except Exception:  # noqa: BLE001 - a face that the change hid is counted, whatever hid it
                lost += 1
                continue
            made += [{"file": f"copy/{name}", **row} for row in found]
        faces = from_rows([*rows, *made], model, loaded.metric, loaded.threshold)
        pairs = {frozenset((faces.photos[each.first], faces.photos[each.second])) for each in duplicates(faces)}
        hits = sum(frozenset((name, f"copy/{name}")) in pairs for name in names)
        print(f"| {kind} | {len(names) - lost} | {hits} | {len(pairs) - hits - len(plain)} |")


def _saved(picture: Image.Image, quality: int = 60) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def _cropped(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return picture.crop((width // 12, height // 12, width - width // 12, height - height // 12))


CHANGES = {
    "saved again, JPEG 60": _saved,
    "half the size": lambda picture: _saved(picture.reduce(2), 85),
    "mirrored": lambda picture: _saved(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 85),
    "cropped by a twelfth on all sides": lambda picture: _saved(_cropped(picture), 85),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    bench = Workbench(Settings.from_env(os.environ))
    found = {model: faces_of(args.folder, model, args.out, bench) for model in MODELS}
    print(
        "| recogniser | method | BCubed F, half that chose | F over pairs | other half | | all | |\n" + "|---" * 8 + "|"
    )
    for faces in found.values():
        grouped(faces)
    print("\n| recogniser | exchanged | pictures | found | others doubted |\n|---|---|---|---|---|")
    for faces in found.values():
        for share in (0.0, 0.05, 0.2):
            exchanged(faces, share)
    print("\n| copies of 150 photos | with a face | found | pairs that are no copies |\n|---|---|---|---|")
    planted(args.folder, sorted(set(found["sface"].photos))[:150], "sface", bench)


if __name__ == "__main__":
    main()
