"""What photos say of looks that colours do not tell: of grey press photos, of people who are measured nowhere, how
bright
faces are and who wears glasses; of the training photos, apparent age and sex.

    python -m training.portraits.grey --data EXPRESSIONS_MORE --train CELEBAMASK_MINI --out WORK

Writes WORK/grey.npz: vector (n, 128) of dlib, brightness (n,) 0..255, yaw (n,) degrees, glasses (n,), the share of the
face's box that the embedded parser takes for them. Writes WORK/looks.npz: age (n,) and female (n,), 0..1, of the
pictures
of faces.npz, by the embedded models. No picture is kept.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from training.portraits.measure import brightness
from workbench import images
from workbench.bench import Workbench
from workbench.parts import INDEX
from workbench.tasks.detection import FIVE, find_faces
from workbench.tasks.parsing import Parser, parse
from workbench.values import Face


def glasses(photo: np.ndarray, face: Face, parser: Parser) -> float:
    """How much of the face's box the parser takes for glasses, 0..1."""
    left, top, right, bottom = (max(int(edge), 0) for edge in face.box)
    labels = parse(photo, parser, [face]).labels[top:bottom, left:right]
    return float((labels == INDEX["eyeglasses"]).mean())


def looks(bench: Workbench, folder: Path, out: Path) -> dict[str, np.ndarray]:
    """Age and female of the training pictures; a mirrored one is as the photo is."""
    with np.load(out / "faces.npz", allow_pickle=False) as file:
        names, mirrored, meshes = file["name"], file["mirrored"], file["mesh"]
    own: dict[str, tuple[float, float]] = {}
    for name, mesh in zip(names[~mirrored].tolist(), meshes[~mirrored], strict=True):
        photo = images.decode(folder / "images" / f"{name}.jpg", bench.settings)
        whole = np.concatenate([mesh, np.zeros((len(mesh), 1), np.float32)], 1)
        face = Face(np.concatenate([mesh.min(0), mesh.max(0)]), mesh[list(FIVE)].copy(), 1.0, whole)
        age, sex = (bench.model(model).scores(photo, face) for model in ("age", "gender"))
        own[name] = float(age.values[0]), float(sex.values[list(sex.labels).index("female")])
    rows = np.array([own[name] for name in names.tolist()], np.float32)
    return {"age": rows[:, 0], "female": rows[:, 1]}


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--out", type=Path, default=Path("build/portraits"))
    options.add_argument("--train", type=Path, required=True, help="celebamask_mini")
    options.add_argument("--every", type=int, default=1, help="read each n-th photo only")
    given = options.parse_args()
    bench = Workbench.from_env()
    found: dict[str, Any] = looks(bench, given.train, given.out)
    np.savez(given.out / "looks.npz", **found)
    parser = bench.parser("compact")
    finder, recogniser = bench.model("blazeface"), bench.model("dlib")
    rows = []
    for path in sorted((given.data / "images").iterdir())[:: given.every]:
        photo = images.decode(path, bench.settings)
        faces = [face for face in find_faces(photo, finder, limit=2) if face.mesh is not None and face.pose is not None]
        if faces:
            pose = faces[0].pose
            assert pose is not None
            told = (recogniser.embed(photo, faces[0]).vector, brightness(photo, faces[0]), pose.yaw)
            rows.append((*told, glasses(photo, faces[0], parser)))
    vectors, grey, yaw, worn = (np.array(column, np.float32) for column in zip(*rows, strict=True))
    np.savez(given.out / "grey.npz", vector=vectors, brightness=grey, yaw=yaw, glasses=worn)
    print(f"{len(rows)} faces, brightness {grey.mean():.0f} ± {grey.std():.0f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
