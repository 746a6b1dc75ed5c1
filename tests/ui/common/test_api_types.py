"""Seven endpoints answered {"__type__": "update"} where the API page says a file: every one is called and compared."""

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.conftest import do_little
from tests.video import clips
from workbench.bench import Workbench
from workbench.images import encode_png
from workbench.parts import INDEX
from workbench.settings import Settings
from workbench.ui import app

ROOT = Path(__file__).resolve().parents[3]
NAMES = (ROOT / "tests" / "api_names.txt").read_text().split()

FEW: dict[str, dict[str, Any]] = {
    "generate": {"count": 1, "steps": 2},
    "mix": {"count": 1, "steps": 2},
    "new_identities": {"count": 2, "steps": 2},
    "pair_study": {"people": 2, "pictures": 2, "steps": 2},
    "explain_many": {"methods": ["grad_cam"], "models": ["fer"]},
    "explain_compare": {"methods": ["grad_cam"], "models": ["fer"], "prove": False},
    "explain": {"method": "grad_cam", "shuffle": False},
    "slices": {"method": "grad_cam", "model": "fer"},
    "what_if": {"groups": ["Makeup"], "models": ["fer"]},
    "explain_similarity": {"method": "grad_cam", "prove": False},
    "protect": {"strength": "light"},
    "protect_many": {"strength": "none"},
    "hide_video": {"keep": None},
    "anonymise": {"keep": None},
    "analyse_video": {"every": 2},
    "compare_parsers": {"first": "compact", "second": "mesh"},
}
"""The least work that still ends in an answer."""


@pytest.fixture(scope="module")
def client(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The API as a stranger sees it."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "weights").symlink_to(settings.cache / "weights")
    bench = Workbench(replace(settings, cache=cache, data=tmp_path_factory.mktemp("data"), port=0))
    page = app.build_app(bench)
    app.launch(page, bench, prevent_thread_lock=True, quiet=True, server_port=None)
    with pytest.MonkeyPatch.context() as patch:
        do_little(patch)
        yield Client(str(page.local_url), verbose=False, download_files=str(tmp_path_factory.mktemp("answers")))
    page.close()


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray) -> Path:
    path = tmp_path_factory.mktemp("photos") / "astronaut.png"
    path.write_bytes(encode_png(astronaut))
    Image.new("L", astronaut.shape[1::-1], INDEX["hair"]).save(path.with_name("mask.png"))
    clips.write(path.with_name("clip.mp4"), [astronaut[:300, 50:350]] * 4)
    with zipfile.ZipFile(path.with_name("pairs.zip"), "w") as archive:
        archive.write(path, "references/a.png")
        archive.write(path, "edited/a.png")
    return path


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory, photo: Path) -> Path:
    """A zip of one photo under two labels."""
    path = tmp_path_factory.mktemp("truth") / "truth.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("happy/a.png", "sad/b.png"):
            archive.write(photo, name)
    return path


NOT_HERE = ("other", "pose")
"""Pictures that the offline models take none of."""

OTHERS = ("second", "third", "fourth")
"""Further people in one picture, which the offline models do not draw."""


def _arguments(name: str, asked: list[dict[str, Any]], photo: Path, truth: Path) -> dict[str, Any]:
    """The endpoint's own defaults, photos where files go, consent given, and the least work."""
    found: dict[str, Any] = {}
    for parameter in asked:
        word, kind = parameter["parameter_name"], str(parameter["python_type"]["type"])
        if word == "consent":
            found[word] = True
        elif parameter["component"] == "Image" and word not in NOT_HERE:
            found[word] = handle_file(str(photo))
        elif parameter["component"] == "Video":
            found[word] = handle_file(str(photo.with_name("clip.mp4")))
        elif parameter["component"] == "Gallery" and not (name == "generate" and word in OTHERS):
            found[word] = [{"image": handle_file(str(photo)), "caption": None}]
        elif parameter["component"] == "File" and word != "corrected":
            several = "list" in kind.lower()
            named = {"evaluate": truth, "correct_mask": photo.with_name("mask.png")}
            named["people"] = truth
            named["slices"] = truth
            named["likeness"] = photo.with_name("pairs.zip")
            file = handle_file(str(named.get(name, photo)))
            found[word] = [file] if several else file
        elif not parameter["parameter_has_default"]:
            found[word] = parameter.get("example_input")
    few = FEW.get(name, {})
    return found | {word: value for word, value in few.items() if word in {p["parameter_name"] for p in asked}}


def _has_update(value: Any) -> bool:
    if isinstance(value, dict):
        return "__type__" in value or any(_has_update(part) for part in value.values())
    return isinstance(value, (list, tuple)) and any(_has_update(part) for part in value)


def _fits(value: Any, promised: dict[str, Any]) -> bool:
    """Whether an answer is of the kind the API page names for it."""
    kind, component = str(promised["python_type"]["type"]), promised["component"]
    if value is None:
        return component in ("Plot", "Image")
    if component == "Video":
        return Path(value["video"] if isinstance(value, dict) else value).is_file()
    if kind == "filepath":
        return isinstance(value, str) and Path(value).is_file()
    if component == "Dataframe":
        return isinstance(value, dict) and {"headers", "data"} <= set(value)
    if component == "Gallery":
        return all(Path(item["image"]).is_file() for item in value)
    if component == "ImageSlider":
        return all(Path(path).is_file() for path in value)
    if component in ("Markdown", "HTML") and kind == "str":
        return isinstance(value, (str, dict))
    return isinstance(value, (str, dict, float, int, list))


@pytest.mark.parametrize("name", NAMES)
def test_an_endpoint_returns_what_its_page_says(client: Client, photo: Path, truth: Path, name: str) -> None:
    told = client.view_api(print_info=False, return_format="dict")["named_endpoints"][f"/{name}"]

    answer = client.predict(api_name=f"/{name}", **_arguments(name, told["parameters"], photo, truth))

    values = answer if isinstance(answer, tuple) else (answer,)
    assert len(values) == len(told["returns"])
    assert not _has_update(values), name
    for value, promised in zip(values, told["returns"], strict=True):
        assert _fits(value, promised), (name, promised["label"], promised["python_type"], type(value))
