"""What re-posing does to photos: how long it takes, how far the head really turns, and what recognisers say of the
edited face.

    python benchmarks/repose.py PHOTOS [--most 40] [--threads 1]

PHOTOS is a folder; the largest face of each photo counts, at 512 pixels as on the screen. Head pose is measured on the
edited picture by the face mesh, found anew. Recognisers compare the edited picture with the photo. "share" is how much
of a movement could be made without folding. This is editing: a high similarity is expected, and no figure here says
anything of drawn faces.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from measure import milliseconds, report
from tqdm import tqdm

from workbench import images
from workbench.batch import photos
from workbench.bench import Workbench
from workbench.generation.repose import Scene, close_up
from workbench.generation.repose_moves import Edit
from workbench.settings import Settings
from workbench.tasks.detection import find_faces
from workbench.tasks.recognition import verify
from workbench.values import Face

EDITS = (
    Edit(yaw=18), Edit(yaw=-18), Edit(pitch=10), Edit(pitch=-10), Edit(smile=1), Edit(frown=1), Edit(mouth_open=1), Edit(brow_raise=1),  # noqa: E501
    Edit(eyes=1), Edit(eyes=-1), Edit(yaw=10, pitch=5, smile=0.7, mouth_open=0.4, brow_raise=0.5),
)  # fmt: skip
JUDGES = ("sface", "dlib")


def row(bench: Workbench, edit: Edit, faces: list[tuple[np.ndarray, Face, Scene]]) -> dict[str, Any]:
    """One edit on every face: means, and how many edited faces are lost or taken for another person."""
    shares, turns, lost = [], [], 0
    scores: dict[str, list[float]] = {name: [] for name in JUDGES}
    others = dict.fromkeys(JUDGES, 0)
    for image, face, scene in faces:
        found = scene.draw(edit)
        shares.append(found.share)
        after = [seen for seen in find_faces(found.image, bench.finder()) if seen.mesh is not None]
        if not after or after[0].pose is None or face.pose is None:
            lost += 1
            continue
        turns.append(after[0].pose.yaw - face.pose.yaw if edit.yaw else after[0].pose.pitch - face.pose.pitch)
        for name in JUDGES:
            verdict = verify(image, face, found.image, after[0], bench.model(name))
            scores[name].append(verdict.score)
            others[name] += verdict.same is False
    told = {"edit": edit.words(), "share": np.mean(shares), "share below 0.8": np.mean(np.array(shares) < 0.8)}
    told |= {"turned": np.mean(turns) if edit.yaw or edit.pitch else ""}
    for name in JUDGES:
        told |= {name: np.mean(scores[name]), f"{name}, another person": f"{others[name]} of {len(scores[name])}"}
    return told | {"ms": milliseconds(lambda: faces[0][2].draw(edit), runs=9)["median"], "faces lost": lost}


def main() -> None:
    """Print the table and write it to results/repose.json."""
    parser = argparse.ArgumentParser(description="What re-posing does to photos.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--most", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    bench = Workbench(Settings.from_env(os.environ))
    files = photos(args.photos)
    faces = []
    for path in tqdm(files[:: max(1, len(files) // args.most)][: args.most], desc="faces"):
        image = images.decode(path, bench.settings)
        seen = [face for face in find_faces(image, bench.finder()) if face.mesh is not None]
        if seen:
            small, face = close_up(image, seen[0])
            faces.append((small, face, Scene(small, face)))
    print(
        f"{len(faces)} faces; making one ready takes "
        f"{milliseconds(lambda: Scene(*faces[0][:2]), runs=5)['median']:.0f} ms"
    )
    report("repose", [row(bench, edit, faces) for edit in tqdm(EDITS, desc="edits")])


if __name__ == "__main__":
    main()
