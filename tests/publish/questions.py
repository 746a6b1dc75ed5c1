"""One real question to every Space, over HTTP, as a person's browser or a program asks it."""

import json
import tempfile
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

from gradio_client import Client, handle_file


def _ask_parsing(address: str, portrait: str) -> None:
    client = Client(address, verbose=False, download_files=False)
    viewer, *_ = client.predict(handle_file(portrait), "compact", api_name="/parse")
    viewer = json.loads(viewer) if isinstance(viewer, str) else viewer
    client.close()

    assert {"Hair", "Skin", "Nose"} <= {part["name"] for part in viewer["parts"]}


def _ask_analysis(address: str, portrait: str) -> None:
    client = Client(address, verbose=False, download_files=False)
    _, cards, table, sheet, *_ = client.predict(
        handle_file(portrait), "blazeface", "compact-expression", [], api_name="/analyse"
    )
    _, earlier = client.predict(handle_file(portrait), api_name="/landmarks")
    client.close()

    assert "Face 1" in cards
    assert len(table["data"]) == len(earlier["data"]) == 1
    assert sheet["path"].endswith("_analysis.csv")


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


def ask_study(address: str) -> dict[str, Any]:
    """What the judging screen of a study says to somebody who comes."""
    with urllib.request.urlopen(f"{address}config", timeout=60) as answer:
        components = json.load(answer)["components"]
    judge = next(part["id"] for part in components if part["props"].get("elem_id") == "labeling-judge")
    body = json.dumps({"data": {}, "component_id": judge, "fn_name": "welcome", "session_hash": "space-test"}).encode()
    request = urllib.request.Request(
        f"{address}gradio_api/component_server/", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        welcome: dict[str, Any] = json.load(answer)
    assert "answers" in welcome, welcome
    return welcome


def _ask_labeling(address: str, portrait: str) -> None:
    welcome = ask_study(address)

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


def _ask_evaluation(address: str, portrait: str) -> None:
    package = Path(tempfile.mkdtemp()) / "faces.zip"
    with zipfile.ZipFile(package, "w") as archive:
        for number in range(3):
            archive.write(portrait, f"images/{number}{Path(portrait).suffix}")
        rows = "".join(f"{number}{Path(portrait).suffix},happy\n" for number in range(3))
        archive.writestr("labels.csv", f"file,label\n{rows}")
    client = Client(address, verbose=False, download_files=False)
    words, table, *_ = client.predict(handle_file(package), "", ["fer"], 10, api_name="/evaluate")
    client.close()
    package.unlink()

    assert "3 photos" in words
    assert table["data"][0][:2] == ["fer", "accuracy"]


QUESTIONS = {
    "parsing": _ask_parsing,
    "analysis": _ask_analysis,
    "explanation": _ask_explanation,
    "protection": _ask_protection,
    "generation": _ask_generation,
    "evaluation": _ask_evaluation,
    "labeling": _ask_labeling,
    "workbench": _ask_parsing,
}
