"""Writes, checks, assembles and pushes the Spaces, and the tables of docs/models.md.

A Space's folder holds an app of a few lines and a requirements list that are written whole, and a README whose front
matter is written and whose words are by hand. Everything comes from `TABS`, the catalogue, requirements.txt and
constraints.txt.
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from workbench.errors import BadRequest
from workbench.settings import Settings
from workbench.tabs import TABS, Tab

ALL = "workbench"
"""The Space with every tab."""

ROOT = Path(__file__).resolve().parents[2]
ASSEMBLED = ("README.md", "app.py", "requirements.txt", "workbench", "LICENSE")
"""What a Space that was put together consists of."""
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "training")


def stems() -> tuple[str, ...]:
    """Every Space there is: one per tab, and the whole workbench."""
    return (*(tab.stem for tab in TABS), ALL)


def generated(root: Path = ROOT) -> dict[Path, str]:
    """Path → text of every file this module writes, as it should be now."""
    _require_checkout(root)
    files: dict[Path, str] = {}
    for stem in stems():
        folder = root / "spaces" / stem
        tabs = _tabs(stem)
        files[folder / "app.py"] = _app(stem, tabs)
        files[folder / "requirements.txt"] = _requirements(root, tabs)
        files[folder / "README.md"] = _front_matter(root, stem, tabs) + _words(folder / "README.md", stem)
    page = root / "docs" / "models.md"
    if page.is_file():
        from workbench.publish.model_table import insert_tables

        files[page] = insert_tables(page.read_text())
    return files


def write(root: Path = ROOT) -> list[Path]:
    """Write what differs. Returns the paths that changed."""
    changed = []
    for path, text in generated(root).items():
        if not path.is_file() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            changed.append(path)
    return changed


def check(root: Path = ROOT) -> list[str]:
    """One sentence per file that is not what `write` would make of it; empty when all is well."""
    faults = [
        f"{path.relative_to(root)} is out of date: run `make docs`."
        for path, text in generated(root).items()
        if not path.is_file() or path.read_text() != text
    ]
    faults += [
        f"{path.relative_to(root)} must not exist: it hides the package `spaces`."
        for path in (root / "spaces").rglob("__init__.py")
    ]
    known = {*stems()}
    faults += [
        f"spaces/{path.name} belongs to no tab."
        for path in (root / "spaces").iterdir()
        if path.is_dir() and path.name not in known
    ]
    return faults


def assemble(stem: str, out: Path, root: Path = ROOT) -> Path:
    """Put a Space together in `out`, as the Hub gets it: its own files, `workbench/` and the licence; never `spaces/`.

    Raises BadRequest for an unknown stem or a folder that already holds something else.
    """
    if stem not in stems():
        raise BadRequest(f"There is no Space {stem!r}; expected one of {', '.join(stems())}.")
    _require_checkout(root)
    if out.exists():
        if others := sorted({path.name for path in out.iterdir()} - set(ASSEMBLED)):
            raise BadRequest(f"{out} is not empty and no Space: it holds {others[0]!r}. Name an empty folder.")
        shutil.rmtree(out)
    shutil.copytree(root / "spaces" / stem, out, ignore=_LEFT_OUT)
    shutil.copytree(root / "workbench", out / "workbench", ignore=_LEFT_OUT)
    shutil.copyfile(root / "LICENSE", out / "LICENSE")
    return out


def push(stem: str, repository: str, settings: Settings, scratch: Path, root: Path = ROOT) -> str:
    """Assemble a Space and bring the Hub's copy to the same state. Doing it twice makes no second commit. Returns its
    address.

    Raises BadRequest (drift, no token) and SourceUnreachable (the Hub refused).
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    from workbench.errors import SourceUnreachable

    if faults := check(root):
        raise BadRequest("Not pushed: " + " ".join(faults))
    if not settings.hub_token:
        raise BadRequest("Not pushed: set HF_TOKEN to a token that may write this Space.")
    folder = assemble(stem, scratch / stem, root)
    api = HfApi(token=settings.hub_token)
    try:
        api.create_repo(repository, repo_type="space", space_sdk="gradio", exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            repo_type="space",
            folder_path=folder,
            delete_patterns="*",
            commit_message=f"Publish the {stem} Space",
        )
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no"
        raise SourceUnreachable(
            f"The Hub answered {status} while pushing {repository}. Check the token and try again."
        ) from error
    return f"{api.endpoint}/spaces/{repository}"


def _require_checkout(root: Path) -> None:
    if not (root / "constraints.txt").is_file():
        raise BadRequest(
            f"The Spaces are made from a checkout of the project, and {root} is none. Clone it, and run this there."
        )


def _tabs(stem: str) -> tuple[Tab, ...]:
    return TABS if stem == ALL else tuple(tab for tab in TABS if tab.stem == stem)


LINE = 120
"""Characters of a line of code."""


def _app(stem: str, tabs: tuple[Tab, ...]) -> str:
    words = [f'"{task}"' for task in dict.fromkeys(task for tab in tabs for task in tab.tasks)] + ["fetch=True"]
    opened = f"bench = opened({', '.join(words)})"
    if len(opened) > LINE:  # as a formatter would break it
        opened = "bench = opened(\n" + "".join(f"    {word},\n" for word in words) + ")"
    name, call = (
        ("build_app", "build_app(bench)") if stem == ALL else ("build_tab", f'build_tab(bench, find("{stem}"))')
    )
    find = "" if stem == ALL else "from workbench.tabs import find\n"
    title = "The whole workbench" if stem == ALL else f"The {tabs[0].title} tab"
    return (
        f'"""{title} as a Space. Written by `make docs`."""\n\n'
        f"from workbench.publish import examples\n{find}from workbench.ui.app import {name}, launch, opened\n\n"
        f"{opened}\nexamples.make(bench)\nlaunch({call}, bench)\n"
    )


def _requirements(root: Path, tabs: tuple[Tab, ...]) -> str:
    needed = {group for tab in tabs for group in tab.needs}
    lines, keep = ["# Written by `make docs` from the root's requirements.txt."], False
    for line in (root / "requirements.txt").read_text().splitlines():
        if group := re.match(r"# \[(\w+)\]", line):
            keep = group[1] in needed
        elif keep and line.strip() and not line.startswith("#"):
            lines.append(line)
    return "\n".join([*lines, *_extras(root, needed)]) + "\n"


def _extras(root: Path, needed: set[str]) -> list[str]:
    """The packages of the extras in pyproject.toml that are needed: what not everybody installs, and a Space cannot
    ask its visitors to."""
    told = (root / "pyproject.toml").read_text()
    found = {name: re.search(rf"^{name} = \[(.*?)\]", told, re.MULTILINE | re.DOTALL) for name in sorted(needed)}
    return [package for match in found.values() if match for package in re.findall(r'"([^"]+)"', match[1])]


def pinned(root: Path, package: str) -> str:
    """The version of a package that was tested, from constraints.txt."""
    found = re.search(rf"^{re.escape(package)}==([^;\s]+)", (root / "constraints.txt").read_text(), re.MULTILINE)
    if found is None:
        raise BadRequest(f"constraints.txt does not pin {package}.")
    return found[1]


SHORT = {
    ALL: "Parse, explain, generate, protect and label faces",
    "parsing": "Every part of every face: coloured, measured, saved",
    "analysis": "All a face shows: points, pose, gaze, expression, age",
    "explanation": "Why a face model says so, and whether to believe it",
    "generation": "Drawn faces with the figures that say how like they are",
    "protection": "Makeup that face recognition cannot read through",
    "evaluation": "How good face models are on your photos, and for whom",
    "labeling": "Same person or not? People judge, and no vote is lost",
}
"""What a Space's card says: at most 60 characters, which the Hub allows."""
TAGS = {
    ALL: ("faces", "face-parsing", "explainability", "privacy", "annotation"),
    "parsing": ("faces", "face-parsing", "segmentation"),
    "analysis": ("faces", "landmarks", "head-pose", "gaze"),
    "explanation": ("faces", "explainability", "saliency"),
    "generation": ("faces", "portraits", "identity"),
    "protection": ("faces", "privacy", "face-recognition"),
    "evaluation": ("faces", "evaluation", "fairness"),
    "labeling": ("faces", "annotation", "face-recognition"),
}


def whole_words(sentence: str, most: int = 60) -> str:
    """The beginning of a sentence up to its colon, in whole words and at most so many characters."""
    text = sentence.split(":")[0]
    return text if len(text) <= most else text[: most + 1].rsplit(" ", 1)[0].rstrip(",;")


def _front_matter(root: Path, stem: str, tabs: tuple[Tab, ...]) -> str:
    title = "Face Workbench" if stem == ALL else f"Face {tabs[0].title}"
    sentence = "Parse, explain, generate, protect and label faces." if stem == ALL else tabs[0].sentence
    fields: Iterable[tuple[str, str]] = (
        ("title", title),
        ("emoji", "🧑‍🔬" if stem == ALL else tabs[0].emoji),
        ("colorFrom", tabs[0].colors[0]),
        ("colorTo", tabs[0].colors[1]),
        ("sdk", "gradio"),
        ("sdk_version", pinned(root, "gradio")),
        ("python_version", '"3.12"'),
        ("app_file", "app.py"),
        ("pinned", "false"),
        *([("hf_oauth", "true")] if any(tab.stem == "labeling" for tab in tabs) else []),
        ("license", "other"),
        ("license_name", "code-apache-2.0-weights-differ"),
        ("license_link", "workbench/weights/LICENSES.md"),
        ("short_description", SHORT.get(stem) or whole_words(sentence)),
        ("tags", f"[{', '.join(TAGS.get(stem, ('faces',)))}]"),
    )
    return "---\n" + "".join(f"{name}: {value}\n" for name, value in fields) + "---\n"


def _words(path: Path, stem: str) -> str:
    """What a person wrote below the front matter; a first draft where nobody has."""
    if path.is_file() and (parts := path.read_text().split("---\n", 2))[0] == "" and len(parts) == 3:
        return parts[2]
    tab = next((tab for tab in TABS if tab.stem == stem), None)
    title, sentence = (
        (tab.title, tab.sentence) if tab else ("Workbench", "Every tab of the Face Workbench in one Space.")
    )
    return (
        f"\n# Face {title}\n\n{sentence}\n\n"
        "Photos stay in this Space for at most an hour, are never logged and never leave it.\n\n"
        "The code is Apache-2.0. The weights are not all free for commercial use: `workbench/weights/LICENSES.md` and "
        "the table in\n"
        "the tab name the terms of each model and of its training data.\n"
    )
