"""What is kept of an explanation: numbers for NumPy, and a recipe that makes the same map again. Writes bytes, never
files."""

import hashlib
import importlib.metadata
import io
import json
import shlex
from typing import Any

import numpy as np

from workbench.errors import BadRequest
from workbench.explanation.explain import Explanation
from workbench.explanation.proof import Proof
from workbench.values import check_image

VERSION = 1
PACKAGES = ("torch", "captum", "numpy", "scipy", "opencv-python")


def photo_hash(image: np.ndarray) -> str:
    """SHA-256 of the pixels: the same photo in another file format still is the same photo."""
    return hashlib.sha256(str(image.shape).encode() + np.ascontiguousarray(check_image(image)).tobytes()).hexdigest()


def recipe(
    explanation: Explanation, image: np.ndarray, face_number: int, label: str, parser: str, file: str = "PHOTO"
) -> dict[str, Any]:
    """Everything that decides the map, ready for JSON. face_number: counted from 1 in order of size. parser: catalogue
    id or "".

    `command` makes the map again from the photo's file.
    """
    spec = getattr(explanation.question.target.model, "spec", None)
    knobs = explanation.knobs
    words = ["python", "-m", "workbench", "explain", file, "--model", explanation.heatmap.model, "--target", label]
    words += ["--method", explanation.method.id, "--face", str(face_number), "--seed", str(explanation.question.seed)]
    words += [word for name, value in knobs.items() for word in ("--set", f"{name}={value}")]
    words += ["--parser", parser] if parser else []
    return {
        "recipe": VERSION,
        "photo_sha256": photo_hash(image),
        "photo_size": list(image.shape[:2]),
        "face": face_number,
        "face_box": explanation.heatmap.extra["face_box"],
        "model": explanation.heatmap.model,
        "weights_sha256": [file.sha256 for file in getattr(spec, "files", ())],
        "target": label,
        "method": explanation.method.id,
        "knobs": knobs,
        "parser": parser,
        "seed": explanation.question.seed,
        "versions": {name: _version(name) for name in PACKAGES},
        "command": shlex.join(words),
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def as_json(recipe_: dict[str, Any], explanation: Explanation, proof: Proof | None = None) -> bytes:
    """The recipe with the figures of its map, indented."""
    extra = {key: value for key, value in explanation.heatmap.extra.items() if key != "face_box"}
    figures = proof.figures() if proof else {}
    sentence = proof.verdict.sentence if proof else ""
    record = recipe_ | {"method_figures": extra, "proof": figures, "verdict": sentence}
    return (json.dumps(_whole(record), indent=2, default=_plain, allow_nan=False) + "\n").encode()


def _whole(value: Any) -> Any:
    """JSON knows no NaN: null stands for what could not be measured."""
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_whole(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def as_npz(explanation: Explanation, proof: Proof | None = None) -> bytes:
    """`heatmap` (H, W) on the photo, `chip_map` (S, S), `chip` (S, S, 3) uint8, `matrix` (2, 3) photo to chip; with a
    proof also the
    curves: `share` (k,), `deletion` and `insertion` (maps, k); rows: this map, edges, middle, then random maps. Patch
    flow adds `patches`, `partners` and `mass`, (R,) each, row by row.
    """
    arrays: dict[str, Any] = {
        "heatmap": explanation.heatmap.values,
        "chip_map": explanation.chip_map.values,
        "chip": explanation.question.pixels.round().astype(np.uint8),
        "matrix": explanation.matrix,
    }
    extra = explanation.chip_map.extra
    arrays |= {name: np.asarray(extra[name]) for name in ("patches", "partners", "mass") if name in extra}
    if proof is not None:
        arrays |= {"share": proof.curves.share, "deletion": proof.curves.deletion, "insertion": proof.curves.insertion}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def read_recipe(data: bytes) -> dict[str, Any]:
    """A recipe from its JSON. Raises BadRequest when it is something else, or of a later version."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The recipe is not JSON; expected a file that an explanation was saved with.") from error
    if not isinstance(found, dict) or not {"recipe", *_KINDS} <= found.keys():
        raise BadRequest("The recipe lacks what makes it one; expected a file that an explanation was saved with.")
    if found["recipe"] != VERSION:
        raise BadRequest(
            f"The recipe is of version {str(found['recipe'])[:20]}; this workbench reads version {VERSION}."
        )
    if wrong := [name for name, kind in _KINDS.items() if type(found[name]) is not kind]:
        raise BadRequest(f"The recipe's {wrong[0]} is none; expected a file that an explanation was saved with.")
    return found


_KINDS = {
    "model": str, "target": str, "method": str, "knobs": dict, "seed": int, "face": int, "photo_sha256": str,
    "parser": str,
}  # fmt: skip
"""What a recipe holds of each; a file that somebody sends holds anything."""


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def as_npz_pair(pair: tuple[Explanation, Explanation]) -> bytes:
    """The arrays of `as_npz` for two faces, their names ending in `_first` and `_second`."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {}
    for name, explanation in zip(("first", "second"), pair, strict=True):
        with np.load(io.BytesIO(as_npz(explanation))) as saved:
            arrays |= {f"{key}_{name}": saved[key] for key in saved.files}
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
