"""What was found of faces, as files other programs read: a table, JSON, .pts, WFLW's lines, OpenFace's columns, COCO.

Every coordinate is in pixels of the photo, (0, 0) the centre of its top-left pixel, unless the format counts from one.
A column that nobody here can fill honestly (action units without a model, millimetres without a camera) is left out.
"""

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.batch import cell
from workbench.geometry import turn
from workbench.signs import Gaze
from workbench.tasks.analysis.face import FaceAnalysis
from workbench.tasks.expression import Verdict

WFLW_POSE = 30.0
"""Degrees of yaw from which WFLW's line calls a pose large."""


def row(found: FaceAnalysis) -> dict[str, Any]:
    """One face as a flat row: what it is, where it looks, what it shows, how well it can be seen."""
    face = found.face
    left, top, right, bottom = (float(side) for side in face.box)
    values: dict[str, Any] = {
        "face": found.number, "score": face.score, "left": left, "top": top, "width": right - left,
        "height": bottom - top,
    }  # fmt: skip
    if face.pose is not None:
        values |= {"yaw": face.pose.yaw, "pitch": face.pose.pitch, "roll": face.pose.roll}
    values |= _gaze(found.gaze)
    if face.eyes_open is not None:
        values |= {"eye_open_image_left": face.eyes_open[0], "eye_open_image_right": face.eyes_open[1]}
    if face.mouth_open is not None:
        values["mouth_open"] = face.mouth_open
    values |= {_name(name): value for name, value in found.figures.items()}
    values |= _read(found)
    for signs in found.signs:
        values |= _signs(f"{signs.model}_", signs)
    values["untold"] = " ".join(found.untold)
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def _gaze(gaze: Gaze | None) -> dict[str, Any]:
    if gaze is None:
        return {}
    values: dict[str, Any] = {"gaze_yaw": gaze.yaw, "gaze_pitch": gaze.pitch}
    if gaze.in_head is not None:
        values |= {"gaze_in_head_yaw": gaze.in_head[0], "gaze_in_head_pitch": gaze.in_head[1]}
    return values | ({} if gaze.apart is None else {"eyes_apart": gaze.apart})


def _read(found: FaceAnalysis) -> dict[str, Any]:
    """What models and the photo's quality say."""
    values: dict[str, Any] = {}
    if (scores := found.expression_scores) is not None:
        values["expression"] = found.expression_word
        if isinstance(found.expression, Verdict):
            values |= {"certainty": found.expression.certainty, "certainty_bar": found.expression.bar}
        values |= {f"expression_{name}": value for name, value in scores.as_dict().items()}
    if found.age is not None:
        values["age"] = found.age
    for scores in found.attributes:
        named = zip(scores.labels, scores.values, strict=True)
        values |= {f"{scores.model}_{_name(label)}": float(value) for label, value in named}
    if found.quality is not None:
        values |= {"quality": found.quality.verdict, "quality_score": found.quality.score}
        values |= {f"quality_{finding.name}": finding.value for finding in found.quality.findings}
        values["quality_words"] = found.quality.words
    return values | {f"network_{_name(model)}": value for model, value in found.networks.items()}


def _signs(start: str, signs: Any) -> dict[str, Any]:
    values: dict[str, Any] = {f"{start}{name}": value for name, value in signs.units.items()}
    values |= {f"{start}{name}": value for name, value in signs.blendshapes.items()}
    for name in ("valence", "arousal"):
        if (value := getattr(signs, name)) is not None:
            values[f"{start}{name}"] = value
    if signs.pose is not None:
        values |= {f"{start}{axis}": getattr(signs.pose, axis) for axis in ("yaw", "pitch", "roll")}
    values |= {f"{start}visible_{_name(name)}": value for name, value in signs.visibility.items()}
    return values | {f"{start}{_name(name)}": value for name, value in signs.own.items()}


def _name(words: str) -> str:
    """A column's name: words joined by underscores."""
    return "_".join("".join(c if c.isalnum() else " " for c in words).split())


def table(photo: str, faces: Sequence[FaceAnalysis]) -> str:
    """CSV, a row per face. Columns that only some faces have are empty for the others."""
    return as_csv([{"photo": photo} | row(found) for found in faces])


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of any columns as CSV, columns in the order in which they first came."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(dict.fromkeys(name for one in rows for name in one)), lineterminator="\n")
    writer.writeheader()
    writer.writerows([{name: cell(value) for name, value in one.items()} for one in rows])
    return stream.getvalue()


def as_json(photo: str, size: tuple[int, int], faces: Sequence[FaceAnalysis]) -> str:
    """Everything, points included. size: (width, height) of the photo."""
    told = [row(found) | {"points": _points(found)} for found in faces]
    return json.dumps({"photo": photo, "width": size[0], "height": size[1], "faces": told}, ensure_ascii=False) + "\n"


def _points(found: FaceAnalysis) -> dict[str, Any]:
    values = {"five": found.face.points.round(2).tolist()}
    if (mesh := found.points()) is not None:
        values["mesh"] = mesh.round(2).tolist()
    return values | {s.model: s.points.round(2).tolist() for s in found.signs if s.points is not None}


def pts(points: np.ndarray) -> str:
    """One face's points (n, 2 or 3) as a .pts file of 300-W, which counts pixels from one."""
    lines = [f"{x + 1:.3f} {y + 1:.3f}" for x, y in points[:, :2].astype(float)]
    return "\n".join(["version: 1", f"n_points: {len(lines)}", "{", *lines, "}", ""])


def pts_zip(stem: str, faces: Sequence[FaceAnalysis]) -> bytes:
    """A zip with one .pts for each face with landmarks."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for found in faces:
            if (points := found.points("68")) is not None:
                archive.writestr(zipfile.ZipInfo(f"{stem}_face{found.number}.pts"), pts(points))
    return stream.getvalue()


def wflw(photo: str, faces: Sequence[FaceAnalysis]) -> str:
    """A line per face with landmarks, as WFLW's lists have them: 98 points, box, six flags, the photo's name.

    The flags are pose, expression, illumination, make-up, occlusion and blur. Nobody here judges make-up: always 0.
    """
    lines = []
    for found in faces:
        points = found.points("98")
        if points is not None:
            numbers = [f"{value:.3f}" for value in points[:, :2].ravel()]
            box = [str(round(float(side))) for side in found.face.box]
            lines.append(" ".join([*numbers, *box, *map(str, _flags(found)), photo.replace(" ", "_") or "photo"]))
    return "".join(f"{line}\n" for line in lines)


def _flags(found: FaceAnalysis) -> tuple[int, ...]:
    weak = {f.name for f in found.quality.findings if f.grade < 0.75} if found.quality else set()
    turned = found.face.pose is not None and abs(found.face.pose.yaw) > WFLW_POSE
    shows = found.expression_word not in ("", "neutral", "unsure")
    light, hidden, blurred = bool(weak & {"light", "evenness"}), "covered" in weak, "sharpness" in weak
    return int(turned), int(shows), int(light), 0, int(hidden), int(blurred)


def openface(faces: Sequence[FaceAnalysis]) -> str:
    """CSV with the names that OpenFace 2 gives its columns, for the faces with landmarks.

    Angles in radians in its axes (x to the image's right, y down, z away; R = Rx · Ry · Rz); x_0 to y_67 in pixels.
    Left out, as nothing here knows them: pose_T and X, Y, Z in millimetres, eye_lmk, and AU intensities of 0 to 5.
    """
    return as_csv([_openface(found) for found in faces if found.face.mesh is not None and found.face.pose is not None])


def _openface(found: FaceAnalysis) -> dict[str, Any]:
    points, pose = found.points("68"), found.face.pose
    assert points is not None
    assert pose is not None
    rotation = turn(pose)
    values: dict[str, Any] = {"face": found.number - 1, "confidence": round(found.face.score, 3)}
    if found.gaze is not None:
        yaw, pitch = np.radians([found.gaze.yaw, found.gaze.pitch])
        ray = np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), -np.cos(yaw) * np.cos(pitch)])
        for eye in (0, 1):
            values |= {f"gaze_{eye}_{axis}": round(float(v), 4) for axis, v in zip("xyz", ray, strict=True)}
        values["gaze_angle_x"] = round(float(np.arctan2(ray[0], -ray[2])), 4)
        values["gaze_angle_y"] = round(float(np.arctan2(ray[1], -ray[2])), 4)
    values["pose_Rx"] = round(float(np.arctan2(-rotation[1, 2], rotation[2, 2])), 4)
    values["pose_Ry"] = round(float(np.arcsin(np.clip(rotation[0, 2], -1, 1))), 4)
    values["pose_Rz"] = round(float(np.arctan2(-rotation[0, 1], rotation[0, 0])), 4)
    for place, axis in enumerate("xy"):
        values |= {f"{axis}_{number}": round(float(v), 2) for number, v in enumerate(points[:, place])}
    return values


def coco(photo: str, size: tuple[int, int], faces: Sequence[FaceAnalysis]) -> str:
    """COCO key points of one photo: the 68 points of each face with landmarks (v = 2), its box, and the category."""
    notes = []
    for found in faces:
        points = found.points("68")
        if points is None:
            continue
        left, top, right, bottom = (round(float(side), 2) for side in found.face.box)
        flat = [number for x, y in points[:, :2].round(2).tolist() for number in (x, y, 2)]
        notes.append(
            {"id": found.number, "image_id": 1, "category_id": 1, "keypoints": flat, "num_keypoints": len(points),
             "bbox": [left, top, round(right - left, 2), round(bottom - top, 2)],
             "area": round((right - left) * (bottom - top), 2), "iscrowd": 0, "score": round(found.face.score, 4)}
        )  # fmt: skip
    category = {"id": 1, "name": "face", "keypoints": [f"point_{number}" for number in range(68)], "skeleton": []}
    image = {"id": 1, "file_name": photo, "width": size[0], "height": size[1]}
    return json.dumps({"images": [image], "annotations": notes, "categories": [category]}) + "\n"
