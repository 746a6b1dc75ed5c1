"""What grey press photos say of brightness: vectors and mean grey of faces, of people who are measured nowhere.

    python -m training.portraits.grey --data EXPRESSIONS_MORE --out WORK

Writes WORK/grey.npz: vector (n, 128) of dlib, brightness (n,) 0..255, yaw (n,) degrees. No picture is kept.
"""

import argparse
from pathlib import Path

import numpy as np

from training.portraits.measure import brightness
from workbench import images
from workbench.bench import Workbench
from workbench.tasks.detection import find_faces


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--out", type=Path, default=Path("build/portraits"))
    options.add_argument("--every", type=int, default=1, help="read each n-th photo only")
    given = options.parse_args()
    bench = Workbench.from_env()
    finder, recogniser = bench.model("blazeface"), bench.model("dlib")
    rows = []
    for path in sorted((given.data / "images").iterdir())[:: given.every]:
        photo = images.decode(path, bench.settings)
        faces = [face for face in find_faces(photo, finder, limit=2) if face.mesh is not None and face.pose is not None]
        if faces:
            pose = faces[0].pose
            assert pose is not None
            rows.append((recogniser.embed(photo, faces[0]).vector, brightness(photo, faces[0]), pose.yaw))
    vectors, grey, yaw = (np.array(column, np.float32) for column in zip(*rows, strict=True))
    np.savez(given.out / "grey.npz", vector=vectors, brightness=grey, yaw=yaw)
    print(f"{len(rows)} faces, brightness {grey.mean():.0f} ± {grey.std():.0f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
