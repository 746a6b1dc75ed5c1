"""Damaged zips, study files and tokens: what they hold, or a sentence; never another fault, nothing outside, nothing
half written."""

import contextlib
import io
import json
import random
import shutil
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.budget import LONG, SEED, seconds
from tests.fuzz.values import damaged, misspelt, value
from workbench.errors import NotAllowed, WorkbenchError
from workbench.evaluation.archive import unpack
from workbench.labeling.serving.tokens import Sealer
from workbench.labeling.study.study import parse_study
from workbench.labeling.study.upload import unpack as unpack_study
from workbench.ui.labeling import studies

STUDY = (
    studies.TEMPLATE
    + """
[[demographics]]
question = "Age"
options = ["under 30", "30 or more"]
"""
)


def _zip(names: list[str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", method) as archive:
        warnings.simplefilter("ignore")  # of two members of one name, which a browser may send
        for name in names:
            archive.writestr(name, f"file,label\n{name},happy\n" * 3)
    return stream.getvalue()


ZIPS = [
    _zip(["happy/a.png", "sad/b.jpg", "labels.csv"]),
    _zip(["a.png"], zipfile.ZIP_STORED),
    _zip(["../../up.png", "/root.csv", "a/../../b.png", "c:\\d.png", "e\u202e.png", "x" * 300 + ".png", "a.png/b.png"]),
    _zip(["a.csv", "a.csv/b.csv"]),
    _zip(["same.png", "same.png"]),
]


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def _tried(share: float, once: Callable[[random.Random], None], capsys: pytest.CaptureFixture[str], what: str) -> None:
    """Call `once` as long as this test may take. Raises what it raises, with the seed and the number of the case."""
    until, tried = time.monotonic() + seconds(share), 0
    while time.monotonic() < until:
        try:
            once(random.Random(f"{SEED}-{tried}"))
        except Exception as error:
            raise AssertionError(f"{what} {tried} of seed {SEED}: {error!r}") from error
        tried += 1
    with capsys.disabled():
        print(f"\n{tried} {what}, seed {SEED}")
    assert tried > 20


@pytest.mark.parametrize("taker", ["evaluation", "labeling"])
def test_a_damaged_zip_is_a_sentence_and_leaves_nothing_outside(
    tmp_path: Path, taker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = tmp_path / "deep" / "inside"
    upload = tmp_path / "upload.zip"

    def once(rng: random.Random) -> None:
        data = damaged(rng, rng.choice(ZIPS)) if rng.random() < 0.9 else rng.choice(ZIPS)
        target = inside / str(rng.random())
        target.mkdir(parents=True)
        with contextlib.suppress(WorkbenchError):
            if taker == "evaluation":
                upload.write_bytes(data)
                unpack(upload, target)
            else:
                unpack_study(data, target)
        assert _files(tmp_path) - _files(inside) <= {upload}
        shutil.rmtree(target)

    _tried(0.06, once, capsys, f"zips for {taker}")


def test_a_misspelt_study_file_is_a_study_or_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parse_study(STUDY.split("[[demographics]]")[0], tmp_path)

    def once(rng: random.Random) -> None:
        text = misspelt(rng, STUDY)
        if rng.random() < 0.2:
            text = text.replace("5", rng.choice(["[" * 3000, "{a=" * 3000, "1e400", "-0", "nan", "9" * 5000, "0x"]), 1)
        with contextlib.suppress(WorkbenchError):
            parse_study(text, tmp_path)

    _tried(0.1, once, capsys, "study files")


@settings(
    max_examples=5000 if LONG else 300, deadline=None, derandomize=not LONG, suppress_health_check=list(HealthCheck)
)
@given(
    body=st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=30), max_size=5),
    place=st.integers(0, 10_000),
)
def test_a_token_opens_as_it_was_sealed_and_not_when_a_letter_changed(body: dict[str, Any], place: int) -> None:
    sealer = Sealer(b"s" * 32)
    token = sealer.seal("rater", body)
    assert sealer.open("rater", token) == json.loads(json.dumps(body))
    for wrong in ("receipt", ""):
        with pytest.raises(NotAllowed):
            sealer.open(wrong, token)
    place %= len(token) - 1
    other = "A" if token[place] != "A" else "z"
    with pytest.raises(NotAllowed):
        sealer.open("rater", token[:place] + other + token[place + 1 :])


def test_what_was_never_sealed_opens_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    sealer = Sealer(b"s" * 32)
    good = sealer.seal("lease", {"item": "a", "rater": "b"})

    def once(rng: random.Random) -> None:
        token = value(rng, (good[:-1], good + "A", good[::-1], f"{good}=", f" {good}", "é" + good, good.encode()))
        if rng.random() < 0.5:
            token = damaged(rng, good.encode()).decode("latin-1")
        with contextlib.suppress(NotAllowed):  # another spelling of the same bytes is the same token
            assert sealer.open("lease", token) == {"item": "a", "rater": "b"}

    _tried(0.04, once, capsys, "tokens")
