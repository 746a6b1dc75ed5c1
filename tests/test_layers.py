"""Imports point one way, heavy packages stay where they belong, and files stay small enough to read."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "workbench"

LIGHT = {"values", "errors", "parts", "settings", "catalog", "tabs", "metrics", "metrics_parts", "figures", "verification", "watch"}
"""May import the standard library and numpy."""

ORDER = (
    LIGHT,
    {"geometry", "calibration", "images", "drawing", "sources", "hub_files", "batch", "model_table"},
    {"models", "tasks", "explain", "makeup", "protection", "generation", "training"},
    {"labeling"},
    {"bench", "publish", "examples", "pair_scores", "pair_sets"},
    {"ui"},
    {"cli", "__main__", "__init__"},
)
"""A module may import from its own row and the rows above it."""

HEAVY = ("torch", "torchvision", "transformers", "diffusers", "captum", "onnxruntime", "ai_edge_litert", "h5py")

EXCEPTIONS = {
    ("training", "bench"): "training scripts are run by a person, like commands, and load models through the bench",
}


def _files() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "migrations/versions" not in path.as_posix())


def _area(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def _imports(path: Path, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _row(area: str) -> int:
    rows = [number for number, names in enumerate(ORDER) if area in names]
    assert rows, f"workbench/{area} has no place in tests/test_layers.py: give it one"
    return rows[0]


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    area = _area(path)
    for name in _imports(path):
        words = name.split(".")
        if words[0] == "workbench" and len(words) > 1 and (PACKAGE / words[1]).exists() | (PACKAGE / f"{words[1]}.py").exists():
            if (area, words[1]) in EXCEPTIONS:
                continue
            assert _row(words[1]) <= _row(area), f"{area} must not import {name}"


def test_gradio_stays_in_the_ui() -> None:
    offenders = [path.as_posix() for path in _files() if _area(path) != "ui" and any(n.split(".")[0] == "gradio" for n in _imports(path))]

    assert offenders == []


def test_light_modules_import_nothing_heavy() -> None:
    allowed = {"numpy", "workbench"}
    for path in _files():
        if _area(path) in LIGHT:
            names = {name.split(".")[0] for name in _imports(path, top_level_only=True)}
            import sys

            assert {name for name in names if name not in sys.stdlib_module_names} <= allowed, path


def test_labeling_knows_no_models() -> None:
    for path in _files():
        if _area(path) == "labeling":
            names = _imports(path)
            assert not [n for n in names if n.split(".")[0] in HEAVY or n.startswith(("workbench.models", "workbench.tasks"))], path


def test_the_ui_imports_torch_only_when_it_is_needed() -> None:
    for path in _files():
        if _area(path) in {"ui", "cli", "bench", "publish", "batch", "sources"}:
            names = {name.split(".")[0] for name in _imports(path, top_level_only=True)}
            assert not names & set(HEAVY), f"{path} imports {names & set(HEAVY)} at start-up"


def test_only_settings_reads_the_environment() -> None:
    allowed = {"settings.py", "bench.py", "sources.py", "__init__.py", "app.py"}
    for path in _files():
        if path.name not in allowed and _area(path) not in ("training", "cli"):
            assert "os.environ" not in path.read_text(), path
            assert "os.getenv" not in path.read_text(), path


def test_files_are_short_enough_to_read() -> None:
    long = {path.as_posix(): n for path in _files() if (n := len(path.read_text().splitlines())) > 400}

    assert long == {}


def test_the_spaces_folder_is_no_package() -> None:
    assert list((ROOT / "spaces").rglob("__init__.py")) == []


def test_nothing_unpickles() -> None:
    for path in _files():
        text = path.read_text()
        assert "weights_only=False" not in text, path
        assert "pickle.load" not in text, path
        assert "trust_remote_code=True" not in text, path
