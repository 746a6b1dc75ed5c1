"""Models a person brings: rows read from TOML files and from installed packages, checked like ours before they count.

A file names ONNX and safetensors files only, and nothing in it is executed. A package that brings rows is code its
owner installed: its entry point may name a loader of its own.
"""

import importlib.metadata
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from workbench.catalog import MODELS
from workbench.catalog.detection import BACK, FULL, IRIS, MESH
from workbench.catalog.spec import CROPS, FORMS, KINDS, UNITS, File, Input, ModelSpec, table
from workbench.errors import BadRequest
from workbench.settings import Settings

GROUP = "face_workbench.models"
"""Entry points of packages that bring rows: a ModelSpec, several, or a function that returns them."""
TASKS = ("parsing", "expression", "attributes", "recognition", "detection", "quality")
RUNTIMES = {
    "onnx": ("weights",),
    "transformers": ("config", "preprocessor", "weights"),
    "timm": ("config", "weights"),
}
"""Runtime → roles of the files it reads."""
DOES = {
    "onnx": TASKS,
    "transformers": ("parsing", "expression", "attributes"),
    "timm": ("expression", "attributes", "recognition", "quality"),
}
"""Runtime → tasks its models can do."""
BESIDE = {"config": "config.json", "preprocessor": "preprocessor_config.json", "weights": "model.safetensors"}
_KEYS = {"id", "task", "title", "runtime", "files", "hub", "input", "labels", "output", "licence", "paper", "note"}
_INPUT = {"side", "order", "mean", "std", "crop", "margin"}
_OUTPUT = {"kind", "metric", "threshold", "form", "unit"}
_USUAL = {"recognition": "embedding", "detection": "boxes"}
_LARGEST = 200_000


def known(settings: Settings) -> dict[str, ModelSpec]:
    """Our rows, then those of packages, of WORKBENCH_MODELS and of models.toml in the data folder.

    Raises BadRequest naming the file for a row that is wrong or an id that is taken.
    """
    rows = [*MODELS.values(), *_of_packages()]
    for path in files(settings):
        rows += read(path)
    return table(rows) if len(rows) > len(MODELS) else MODELS


def files(settings: Settings) -> tuple[Path, ...]:
    """The TOML files that are read, those named by the environment first."""
    named = tuple(Path(name).expanduser() for name in settings.models)
    mine = kept(settings)
    return (*named, mine) if mine.is_file() else named


def kept(settings: Settings) -> Path:
    """Where `models add` keeps rows."""
    return settings.data / "models.toml"


def read(path: Path) -> tuple[ModelSpec, ...]:
    """The rows of a TOML file. Raises BadRequest naming the file, the row and what was expected."""
    return tuple(row(entry, path.name) for entry in entries(path))


def entries(path: Path) -> list[dict[str, Any]]:
    """The [[model]] tables of a file, unchecked. Raises BadRequest for a file that is no TOML."""
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        import tomli as tomllib  # type: ignore[no-redef]
    try:
        text = path.read_text(encoding="utf-8")
        if len(text) > _LARGEST:
            raise BadRequest(f"{path.name}: larger than {_LARGEST // 1000} kB; expected a few [[model]] tables.")
        found = tomllib.loads(text).get("model", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadRequest(f"{path.name} cannot be read as TOML: {error}.") from error
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found) or not found:
        raise BadRequest(f"{path.name}: expected one or more [[model]] tables.")
    return found


def row(entry: Mapping[str, Any], where: str) -> ModelSpec:
    """One [[model]] table as a row. Raises BadRequest."""
    name = entry.get("id")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,59}", name):
        raise BadRequest(f"{where}: id: expected small letters, digits, '.', '_', '-', got {str(name)[:60]!r}.")
    where = f"{where}, model {name}"
    if unknown := sorted(set(entry) - _KEYS):
        raise BadRequest(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}.")
    task, runtime = _word(entry, "task", TASKS, where), _word(entry, "runtime", tuple(RUNTIMES), where)
    if task not in DOES[runtime]:
        raise BadRequest(f"{where}: runtime {runtime} does {', '.join(DOES[runtime])}; for {task} export to ONNX.")
    labels = _labels(entry, task, runtime, where)
    licence = _table(entry, "licence", {"weights", "data"}, where)
    given = {"crop": "whole"} if task == "detection" else {}
    given |= _table(entry, "input", _INPUT, where)
    shape = _input(given, _table(entry, "output", _OUTPUT, where), runtime, _USUAL.get(task, "logits"), where)
    if (task == "detection") != (shape.kind == "boxes") or (task == "detection" and shape.crop != "whole"):
        raise BadRequest(
            f'{where}: a detector sees the whole photo (crop = "whole") and gives boxes; nothing else does.'
        )
    return ModelSpec(
        id=name,
        task=task,
        title=str(entry.get("title") or name)[:100],
        load=f"workbench.models.own.{runtime}:load",
        files=_files(entry, runtime, where) + (_MESH if task == "detection" else ()),
        labels=labels,
        weights_license=str(licence.get("weights", "not stated by whoever added it")),
        data_license=str(licence.get("data", "not stated by whoever added it")),
        paper=str(entry.get("paper", "")),
        gradients=runtime in ("transformers", "timm"),
        gives=("mesh",) if task == "detection" else (),
        note=str(entry.get("note", "")),
        input=shape,
    )


_MESH = (BACK, FULL, MESH, IRIS)
"""What makes a face of a detector's box: the mesh is always ours."""


def _word(entry: Mapping[str, Any], key: str, known_words: tuple[str, ...], where: str) -> str:
    value = entry.get(key)
    if value not in known_words:
        raise BadRequest(f"{where}: {key}: expected one of {', '.join(known_words)}, got {str(value)[:40]!r}.")
    return str(value)


def _table(entry: Mapping[str, Any], key: str, known_keys: set[str], where: str) -> Mapping[str, Any]:
    value = entry.get(key, {})
    if not isinstance(value, dict) or set(value) - known_keys:
        raise BadRequest(f"{where}: {key}: expected a table of {', '.join(sorted(known_keys))}.")
    return value


def _labels(entry: Mapping[str, Any], task: str, runtime: str, where: str) -> tuple[str, ...]:
    value = entry.get("labels", [])
    if not isinstance(value, list) or not all(isinstance(name, str) and 0 < len(name) <= 80 for name in value):
        raise BadRequest(f"{where}: labels: expected a list of names.")
    if runtime == "onnx" and task not in ("recognition", "detection", "quality") and not value:
        raise BadRequest(f"{where}: labels: expected what each output of the network means, in its order.")
    return tuple(value)


def _files(entry: Mapping[str, Any], runtime: str, where: str) -> tuple[File, ...]:
    given = entry.get("files", {})
    roles = RUNTIMES[runtime]
    if isinstance(entry.get("hub"), str) and runtime != "onnx" and isinstance(given, dict):
        given = {role: f"hub:{entry['hub']}:{BESIDE[role]}" for role in roles} | given
    if not isinstance(given, dict) or set(given) - set(roles) or "weights" not in given:
        raise BadRequest(f"{where}: files: expected {', '.join(roles)}, got {', '.join(map(str, given)) or 'none'}.")
    if runtime != "onnx" and str(_source(given["weights"])[0]).startswith("local:"):
        folder = _source(given["weights"])[0].rpartition("/")[0]
        given = {role: f"{folder}/{BESIDE[role]}" for role in roles if role != "weights"} | dict(given)
    if missing := [role for role in roles if role not in given]:
        raise BadRequest(f"{where}: files: missing {', '.join(missing)}.")
    return tuple(_file(role, given[role], where) for role in roles)


_HUB = re.compile(r"hub:[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?(@[\w.-]+)?:[\w.-]+(/[\w.-]+)*", re.ASCII)
"""Nothing that would name another folder of ours, or another address of the Hub."""


def _source(value: Any) -> tuple[str, str]:
    """Source and sha256: a string, or a table of source and sha256."""
    if isinstance(value, dict):
        return str(value.get("source", "")), str(value.get("sha256", ""))
    return str(value), ""


def _file(role: str, value: Any, where: str) -> File:
    source, sha256 = _source(value)
    if not source.startswith(("local:", "hub:")):
        raise BadRequest(
            f"{where}: files.{role}: expected local:/path or hub:owner/name@commit:file, got {source[:80]!r}."
        )
    if source.startswith("hub:") and (not _HUB.fullmatch(source) or ".." in source):
        raise BadRequest(f"{where}: files.{role}: expected hub:owner/name@commit:file, got {source[:80]!r}.")
    suffix = Path(source).suffix.lower()
    wanted = (".json",) if role in ("config", "preprocessor") else (".onnx", ".safetensors")
    if suffix not in wanted:
        reason = (
            " A pickle runs whatever it holds when it is opened; export to ONNX or safetensors."
            if suffix in (".pt", ".pth", ".bin", ".ckpt", ".pkl")
            else ""
        )
        raise BadRequest(f"{where}: files.{role}: expected {' or '.join(wanted)}, got {source[-60:]!r}.{reason}")
    if sha256 and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise BadRequest(f"{where}: files.{role}: sha256: expected 64 hexadecimal digits.")
    return File(source, sha256, role=role)


def _input(given: Mapping[str, Any], output: Mapping[str, Any], runtime: str, kind: str, where: str) -> Input:
    side = given.get("side", None if runtime == "onnx" else 0)
    brings_its_own = runtime != "onnx" and side == 0
    if isinstance(side, bool) or not isinstance(side, int) or not (16 <= side <= 2048 or brings_its_own):
        raise BadRequest(f"{where}: input.side: expected 16 to 2048 pixels, got {str(side)[:20]!r}.")
    order, crop = given.get("order", "rgb"), given.get("crop", "celeba")
    kind, metric = output.get("kind", kind), output.get("metric", "cosine")
    form, unit = output.get("form", "corners"), output.get("unit", "pixels")
    for key, value, words in (("input.order", order, ("rgb", "bgr")), ("input.crop", crop, CROPS),
                              ("output.kind", kind, KINDS), ("output.metric", metric, ("cosine", "l2")),
                              ("output.form", form, FORMS), ("output.unit", unit, UNITS)):  # fmt: skip
        if value not in words:
            raise BadRequest(f"{where}: {key}: expected one of {', '.join(words)}, got {str(value)[:40]!r}.")
    margin, threshold = given.get("margin", 1.0), output.get("threshold")
    if isinstance(margin, bool) or not isinstance(margin, (int, float)) or not 0.5 <= margin <= 4:
        raise BadRequest(f"{where}: input.margin: expected 0.5 to 4, got {str(margin)[:20]!r}.")
    if threshold is not None and (isinstance(threshold, bool) or not isinstance(threshold, (int, float))):
        raise BadRequest(f"{where}: output.threshold: expected a number.")
    return Input(
        side,
        order,
        _three(given.get("mean", [0.0] * 3), "mean", where),
        _three(given.get("std", [1.0] * 3), "std", where, least=1e-6),
        crop,
        float(margin),
        kind,
        metric,
        None if threshold is None else float(threshold),
        form,
        unit,
    )


def _three(value: Any, key: str, where: str, least: float = -10.0) -> tuple[float, ...]:
    numbers = isinstance(value, list) and all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in value)
    if not numbers or len(value) != 3 or not all(least <= x <= 10 for x in value):
        raise BadRequest(f"{where}: input.{key}: expected three numbers, of pixels in 0..1.")
    return tuple(float(x) for x in value)


def _of_packages() -> Iterable[ModelSpec]:
    for point in importlib.metadata.entry_points(group=GROUP):
        found = point.load()
        found = found() if callable(found) and not isinstance(found, ModelSpec) else found
        rows = [found] if isinstance(found, ModelSpec) else list(found)
        if not all(isinstance(each, ModelSpec) for each in rows):
            raise BadRequest(f"The package's entry point {point.name!r} ({GROUP}) gave something that is no ModelSpec.")
        yield from rows
