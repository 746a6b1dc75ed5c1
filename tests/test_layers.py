"""Imports point one way, heavy packages stay where they belong, files make no circles and stay small enough to read."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "workbench"

LIGHT = {
    "values",
    "errors",
    "parts",
    "settings",
    "watch",
    "places",
    "tabs",
    "thresholds",
    "detections",
    "portraits",
    "scenes",
    "spots",
    "signs",
    "checks",
    "catalog",
}
"""May import the standard library and numpy."""
GROUND = LIGHT - {"catalog"} | {"devices", "mesh", "geometry", "images", "drawing", "batch", "__init__"}
GROUND |= {"memory", "colour", "photo", "decoding", "sightings", "marks", "corrections"}
"""The ground floor: single files, values and pure functions. They import each other and nothing else of ours."""

BELOW_BENCH = (
    "catalog",
    "sources",
    "metrics",
    "tasks",
    "explanation",
    "makeup",
    "protection",
    "generation",
    "evaluation",
    "people",
    "video",
    "labeling",
    "glance",
    "cards",
    "whatif",
    "slices",
)

MAY_IMPORT: dict[str, set[str]] = {
    "catalog": set(),
    "metrics": set(),
    "sources": {"catalog"},
    "makeup": set(),
    "models": {"catalog", "sources"},
    "tasks": {"catalog", "metrics"},
    "labeling": {"metrics"},
    "explanation": {"tasks", "metrics"},
    "protection": {"tasks", "makeup", "catalog", "metrics"},
    "generation": {"tasks", "metrics", "labeling"},
    "evaluation": {"tasks", "metrics", "labeling", "catalog"},
    "people": {"tasks", "metrics", "labeling"},
    "cards": {"catalog", "sources"},
    "glance": {"tasks", "explanation"},
    "whatif": {"tasks", "metrics", "makeup", "generation"},
    "slices": {"tasks", "metrics", "explanation", "evaluation"},
    "video": {"tasks", "metrics", "protection"},
    "bench": {"catalog", "sources", "tasks"},
    "publish": {"bench", "catalog", "sources", "tasks", "metrics"},
    "scale": {
        "bench",
        "catalog",
        "sources",
        "tasks",
        "explanation",
        "makeup",
        "protection",
        "generation",
        "evaluation",
        "people",
    },
    "ui": {"bench", *BELOW_BENCH},
    "cli": {"ui", "publish", "scale", "bench", "models", *BELOW_BENCH},
    "__main__": {"cli"},
}
"""What each package may import besides the ground floor: a row each."""

LABELING = ("study", "store", "statistics", "hub", "foreign", "report", "serving")
"""The rooms of labeling, lowest first: each may import those before it."""

HEAVY = ("torch", "torchvision", "transformers", "diffusers", "captum", "onnxruntime", "ai_edge_litert", "h5py")


def _files(folder: Path = PACKAGE) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "migrations/" not in path.as_posix())


def _area(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


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


def _module(path: Path) -> str:
    words = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


def _graph() -> dict[str, set[str]]:
    """Module → the modules of ours it imports, imports inside functions and for type checking included."""
    names = {_module(path) for path in _files()}
    graph = {}
    for path in _files():
        found = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names if alias.name in names}
            elif isinstance(node, ast.ImportFrom) and node.module in names:
                deeper = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= (deeper & names) | ({node.module} if deeper - names else set())
        graph[_module(path)] = found - {_module(path)}
    return graph


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    area = _area(path)
    assert area in GROUND or area in MAY_IMPORT, f"workbench/{area} has no row in tests/test_layers.py: give it one"
    for name in _imports(path):
        words = name.split(".")
        if (
            words[0] == "workbench"
            and len(words) > 1
            and ((PACKAGE / words[1]).is_dir() or (PACKAGE / f"{words[1]}.py").exists())
        ):
            allowed = GROUND | MAY_IMPORT.get(area, set()) | {area}
            assert words[1] in allowed, f"{area} must not import {name}"


def test_the_rooms_of_labeling_point_one_way() -> None:
    for path in _files(PACKAGE / "labeling"):
        room = path.relative_to(PACKAGE / "labeling").parts[0]
        for name in _imports(path):
            words = name.split(".")
            if words[:2] == ["workbench", "labeling"] and len(words) > 2 and words[2] in LABELING:
                assert LABELING.index(words[2]) <= LABELING.index(room), (
                    f"{path.relative_to(ROOT)} must not import {name}"
                )


def test_files_make_no_circles() -> None:
    graph = _graph()
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " → ".join((*way[way.index(name) :], name))
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*way, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


def test_models_and_tasks_do_not_know_each_other() -> None:
    for path in _files(PACKAGE / "tasks"):
        assert not [name for name in _imports(path) if name.startswith("workbench.models")], path
    for path in _files(PACKAGE / "models"):
        assert not [name for name in _imports(path) if name.startswith("workbench.tasks")], path


def _stems() -> list[str]:
    from workbench.tabs import TABS

    return [tab.stem for tab in TABS]


@pytest.mark.parametrize("stem", _stems())
def test_a_stem_stands_in_all_six_places(stem: str) -> None:
    names = (ROOT / "tests" / "api_names.txt").read_text().split()
    from workbench.tabs import find

    assert any(
        (PACKAGE / place).exists()
        for place in (stem, f"tasks/{stem}.py", *(f"tasks/{task}.py" for task in find(stem).tasks))
    )
    assert (PACKAGE / "ui" / stem / "tab.py").is_file()
    assert (ROOT / "spaces" / stem / "app.py").is_file()
    assert any((ROOT / "tests").rglob(f"test_{stem}.py")) or (ROOT / "tests" / stem).is_dir()
    assert (ROOT / "tests" / "browser" / f"test_{stem}.py").is_file()
    assert find(stem).api == "" or find(stem).api in names


def test_gradio_stays_in_the_ui() -> None:
    offenders = [
        path.as_posix()
        for path in _files()
        if _area(path) != "ui" and any(n.split(".")[0] == "gradio" for n in _imports(path))
    ]

    assert offenders == []


def test_light_modules_import_nothing_heavy() -> None:
    allowed = {"numpy", "workbench"}
    for path in _files():
        if _area(path) in LIGHT:
            names = {name.split(".")[0] for name in _imports(path, top_level_only=True)}

            assert {name for name in names if name not in sys.stdlib_module_names} <= allowed, path


def test_labeling_knows_no_models() -> None:
    for path in _files():
        if _area(path) == "labeling":
            names = _imports(path)
            assert not [
                n for n in names if n.split(".")[0] in HEAVY or n.startswith(("workbench.models", "workbench.tasks"))
            ], path


def test_the_ui_imports_torch_only_when_it_is_needed() -> None:
    for path in _files():
        if _area(path) in {"ui", "cli", "bench", "publish", "batch", "sources"}:
            names = {name.split(".")[0] for name in _imports(path, top_level_only=True)}
            assert not names & set(HEAVY), f"{path} imports {names & set(HEAVY)} at start-up"


def test_the_page_is_built_without_what_it_does_not_need_yet() -> None:
    code = (
        "import sys\nfrom workbench.tabs import TABS\nfrom workbench.ui.app import builder\n"
        "for tab in TABS: builder(tab)\n"
        "late = ('torch', 'scipy', 'matplotlib', 'transformers', 'onnxruntime')\n"
        "print([name for name in late if name in sys.modules])"
    )
    asked = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=200)

    assert asked.stdout.strip() == "[]", asked.stdout + asked.stderr


def test_only_settings_reads_the_environment() -> None:
    allowed = {"settings.py", "bench.py", "fetching.py", "__init__.py", "app.py"}
    for path in _files():
        if path.name not in allowed and _area(path) != "cli":
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
