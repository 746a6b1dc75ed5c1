"""The Spaces are generated, never drift, and every one of them starts by itself and answers a real question."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from workbench.errors import BadRequest
from workbench.publish import spaces as publish
from workbench.tabs import TABS
from workbench.ui.app import builder


def test_generated_files_are_up_to_date() -> None:
    assert publish.check() == []


def test_drift_is_noticed(tmp_path: Path) -> None:
    for name in ("requirements.txt", "constraints.txt", "README.md", "LICENSE"):
        (tmp_path / name).write_text((publish.ROOT / name).read_text())
    publish.write(tmp_path)
    (tmp_path / "spaces" / "parsing" / "app.py").write_text("print('changed by hand')\n")
    (tmp_path / "spaces" / "parsing" / "__init__.py").touch()
    (tmp_path / "spaces" / "forgotten").mkdir()

    faults = publish.check(tmp_path)

    assert len(faults) == 3
    assert "make docs" in faults[0]


def test_words_by_hand_survive_writing(tmp_path: Path) -> None:
    for name in ("requirements.txt", "constraints.txt", "LICENSE"):
        (tmp_path / name).write_text((publish.ROOT / name).read_text())
    publish.write(tmp_path)
    readme = tmp_path / "spaces" / "parsing" / "README.md"
    readme.write_text(readme.read_text() + "\nWords by hand.\n")
    publish.write(tmp_path)

    assert readme.read_text().endswith("\nWords by hand.\n")
    assert publish.check(tmp_path) == []


def test_a_tab_has_its_place_in_every_layer() -> None:
    for tab in TABS:
        assert builder(tab).__module__ == f"workbench.ui.{tab.stem}.tab"
        assert (publish.ROOT / "spaces" / tab.stem / "app.py").is_file()
        assert list((publish.ROOT / "tests" / "browser").glob(f"test_{tab.stem}*.py")), (
            f"no browser test for {tab.stem}"
        )


def test_a_folder_with_something_else_in_it_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(BadRequest, match="not empty"):
        publish.assemble("parsing", tmp_path)
    assert (tmp_path / "thesis.txt").is_file()


def test_pushing_without_a_token_says_so(tmp_path: Path, settings) -> None:
    with pytest.raises(BadRequest, match="HF_TOKEN"):
        publish.push("parsing", "someone/parsing", settings, tmp_path)


@contextmanager
def _started(folder: Path) -> Iterator[str]:
    """An assembled Space, started as the Hub starts it: same interpreter, its own folder, no PYTHONPATH."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        key: value for key, value in os.environ.items() if key in ("HOME", "PATH", "XDG_CACHE_HOME", "OMP_NUM_THREADS")
    }
    environment |= {
        "SYSTEM": "spaces",
        "SPACE_ID": "someone/space",
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
    }
    environment |= {"WORKBENCH_DATA": str(folder.parent / "data"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    log = folder.parent / "log.txt"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=folder, env=environment, stdout=stream, stderr=subprocess.STDOUT
        )
        try:
            for _ in range(240):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if process.poll() is not None:
                    break
                time.sleep(0.5)
            assert process.poll() is None, log.read_text()[-3000:]
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory, astronaut) -> str:
    from PIL import Image

    path = tmp_path_factory.mktemp("photos") / "astronaut.png"
    Image.fromarray(astronaut).save(path)
    return str(path)


def _ask_parsing(address: str, portrait: str) -> None:
    client = Client(address, verbose=False, download_files=False)
    viewer, *_ = client.predict(handle_file(portrait), "compact", api_name="/parse")
    viewer = json.loads(viewer) if isinstance(viewer, str) else viewer
    client.close()

    assert {"Hair", "Skin", "Nose"} <= {part["name"] for part in viewer["parts"]}


def _ask_landmarks(address: str, portrait: str) -> None:
    client = Client(address, verbose=False, download_files=False)
    _, table = client.predict(handle_file(portrait), api_name="/landmarks")
    client.close()

    assert len(table["data"]) == 1


def _ask_explanation(address: str, portrait: str) -> None:
    client = Client(address, verbose=False, download_files=False)
    answers = client.predict(
        handle_file(portrait),
        "Face 1",
        "fer",
        "happy",
        "integrated_gradients",
        "{}",
        "compact",
        False,
        0,
        0.7,
        api_name="/explain",
    )
    client.close()

    assert any(isinstance(answer, dict) and answer.get("path", "").endswith(".png") for answer in answers)


def _ask_protection(address: str, portrait: str) -> None:
    client = Client(address, verbose=False, download_files=False)
    _, words, photo = client.predict(handle_file(portrait), "Face 1", "red lipstick", "{}", api_name="/apply_makeup")
    client.close()

    assert "not protected" in words
    assert photo["path"].endswith("makeup.jpg")


def _ask_labeling(address: str, portrait: str) -> None:
    with urllib.request.urlopen(f"{address}config", timeout=60) as answer:
        components = json.load(answer)["components"]
    judge = next(part["id"] for part in components if part["props"].get("elem_id") == "labeling-judge")
    body = json.dumps({"data": {}, "component_id": judge, "fn_name": "welcome", "session_hash": "space-test"}).encode()
    request = urllib.request.Request(
        f"{address}gradio_api/component_server/", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        welcome = json.load(answer)

    assert welcome["synthetic"] is True
    assert len(welcome["answers"]) == 6


def _ask_generation(address: str, portrait: str) -> None:
    client = Client(address, verbose=False, download_files=False)
    gallery, words, _, package = client.predict(None, 2, 0, 7, 0, 0, None, False, "Ask me", api_name="/new_identities")
    client.close()

    assert len(gallery) == 2
    assert "A face was found in" in words
    assert "Diversity by SFace" in words
    assert "portraits.zip" in str(package)


QUESTIONS = {
    "parsing": _ask_parsing,
    "landmarks": _ask_landmarks,
    "explanation": _ask_explanation,
    "protection": _ask_protection,
    "generation": _ask_generation,
    "labeling": _ask_labeling,
    "workbench": _ask_parsing,
}


def test_every_space_has_its_question() -> None:
    assert set(QUESTIONS) == set(publish.stems())


@pytest.mark.parametrize("stem", publish.stems())
def test_the_space_starts_by_itself_and_answers(stem: str, tmp_path: Path, portrait: str) -> None:
    folder = publish.assemble(stem, tmp_path / "space")
    assert not (folder / "spaces").exists()
    with _started(folder) as address:
        QUESTIONS[stem](address, portrait)
