"""An evaluation counts what may be counted, reports lost faces apart, and goes on where it stopped."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from workbench import images
from workbench.errors import BadRequest, NoFace
from workbench.metrics.pairs import even
from workbench.protection import tables
from workbench.protection.evaluation import (
    CLEAN,
    Pair,
    Rows,
    counts,
    margin,
    open_subject,
    opened_in_batches,
    pairs,
    tally,
    whose,
)

BOUNDS = {"a": (0.3, "cosine"), "b": (0.6, "l2")}


def row(person: str, method: str, attacked: tuple[str, ...], a: float | None, b: float = 0.3) -> dict:
    """A person's row: the same scores saved and after JPEG 75."""
    scores = None if a is None else {"a": a, "b": b}
    looks = dict.fromkeys(tables.LOOKS, 1.0)
    return {
        "person": person,
        "method": method,
        "attacked": list(attacked),
        "scores": {"saved": scores, "JPEG 75": scores},
        **looks,
    }


def photos(folder: Path, *names: str) -> Path:
    """A folder of tiny photos."""
    for name in names:
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(images.encode_jpeg(np.zeros((8, 8, 3), np.uint8)))
    return folder


def test_people_are_told_from_file_names_or_folders(tmp_path: Path) -> None:
    photos(tmp_path, "Ann_Lee_0001.jpg", "Ann_Lee_0002.jpg", "Bo_0001.jpg", "carl/x.jpg", "carl/y.jpg")

    assert {pair.person for pair in pairs(tmp_path, "all")} == {"Ann_Lee", "carl"}
    assert whose(tmp_path / "Ann_Lee_0002.jpg", tmp_path) == "Ann_Lee"


def test_the_odd_half_never_holds_people_thresholds_were_calibrated_on(tmp_path: Path) -> None:
    photos(tmp_path, *(f"p{number}_{photo}.jpg" for number in range(20) for photo in "12"))

    odd, whole = pairs(tmp_path, "odd"), pairs(tmp_path, "all")

    assert 0 < len(odd) < len(whole) == 20
    assert not any(even(pair.person) for pair in odd)
    assert [pair.person for pair in pairs(tmp_path, "odd", 3)] == [pair.person for pair in odd[:3]]


@pytest.mark.parametrize("half", ["odd", "left"])
def test_nobody_to_measure_is_said(tmp_path: Path, half: str) -> None:
    with pytest.raises(BadRequest):
        pairs(photos(tmp_path, "Ann_1.jpg"), half)


def test_margins_of_both_metrics() -> None:
    assert margin(0.65, 0.3, "cosine") == pytest.approx(0.5)
    assert margin(0.3, 0.6, "l2") == pytest.approx(0.5)
    assert margin(0.9, 0.6, "l2") < 0


def test_only_photos_that_match_before_and_after_plain_jpeg_count() -> None:
    clean = {"scores": {"saved": {"a": 0.5}, "JPEG 75": {"a": 0.2}}}

    assert not counts(clean, "a", BOUNDS["a"])
    assert not counts({"scores": {"saved": {"a": 0.2}, "JPEG 75": {"a": 0.5}}}, "a", BOUNDS["a"])
    assert not counts({"scores": {"saved": {"a": 0.5}, "JPEG 75": None}}, "a", BOUNDS["a"])
    assert counts({"scores": {"saved": {"a": 0.5}, "JPEG 75": {"a": 0.31}}}, "a", BOUNDS["a"])


def test_a_lost_face_is_reported_apart_and_never_a_success() -> None:
    clean = {name: row(name, CLEAN, (), 0.8) for name in "xyz"} | {"w": row("w", CLEAN, (), 0.1)}
    rows = [
        row("x", "search", ("b",), 0.1),
        row("y", "search", ("b",), None),
        row("z", "search", ("b",), 0.5),
        row("w", "search", ("b",), 0.0),
    ]

    counted = tally(rows, clean, "a", BOUNDS["a"], "JPEG 75")

    assert (counted.n, counted.protected, counted.lost) == (3, 1, 1)
    assert counted.psr == pytest.approx(100 / 3)


def test_impersonation_counts_the_other_way_round() -> None:
    def aimed(*words: object) -> dict:
        return row(*words) | {"aim": "impersonate"}

    clean = {"x": aimed("x", CLEAN, (), 0.1), "y": aimed("y", CLEAN, (), 0.1), "z": aimed("z", CLEAN, (), 0.5)}
    rows = [aimed("x", "search", ("b",), 0.6), aimed("y", "search", ("b",), 0.2), aimed("z", "search", ("b",), 0.9)]

    counted = tally(rows, clean, "a", BOUNDS["a"], "JPEG 75")

    assert (counted.n, counted.protected) == (2, 1)


def test_each_recogniser_is_judged_where_it_was_not_attacked(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "rows.jsonl")
    for made in (row("x", CLEAN, (), 0.8), row("x", "search", ("a",), 0.0, 0.5), row("x", "search", ("b",), 0.7, 0.9)):
        rows.add(made)

    judged = tables.unseen(rows, "search", BOUNDS)

    assert judged["a"]["psr"] == 0
    assert judged["b"]["psr"] == 0
    assert tables.mean_psr(judged) == 0
    (first, second) = tables.leave_one_out(rows, "search", BOUNDS)
    assert first["a"]["psr"] == second["b"]["psr"] == 100
    assert "**0 % (0/1)**" in tables.printed(tables.summary(rows, BOUNDS))


def test_rows_survive_a_killed_run(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    Rows(path).add(row("x", CLEAN, (), 0.8))
    with path.open("a") as stream:
        stream.write('{"person": "y", "meth')

    again = Rows(path)
    again.add(row("z", CLEAN, (), 0.7))

    assert set(Rows(path).rows) == {("x", CLEAN, ""), ("z", CLEAN, "")}
    assert len(path.read_text().splitlines()) == 3
    assert json.loads(path.read_text().splitlines()[-1])["person"] == "z"


def test_a_pair_that_cannot_be_used_is_told_and_the_rest_goes_on() -> None:
    told = []

    def open_one(pair: Pair) -> Pair:
        if pair.person == "b":
            raise NoFace("no face")
        return pair

    todo = [Pair(name, Path(), Path()) for name in "abcd"]
    batches = list(opened_in_batches(todo, 2, open_one, lambda pair, error: told.append((pair.person, str(error)))))

    assert [[one.person for one in batch] for batch in batches] == [["a", "c"], ["d"]]
    assert told == [("b", "no face")]


def test_a_pair_whose_first_face_is_too_small_is_told_and_left_out(bench, astronaut, tmp_path: Path) -> None:
    finder, told = bench.model("blazeface"), []
    small = cv2.resize(astronaut, (180, 180), interpolation=cv2.INTER_AREA)
    for name, photo in (("far_1", small), ("far_2", astronaut), ("near_1", astronaut), ("near_2", astronaut)):
        (tmp_path / f"{name}.jpg").write_bytes(images.encode_jpeg(photo))

    found = opened_in_batches(
        pairs(tmp_path, "all"),
        5,
        lambda pair: open_subject(pair, [], finder, None, bench.settings),
        lambda pair, error: told.append((pair.person, type(error).__name__)),
    )

    assert [[one.pair.person for one in subjects] for subjects in found] == [["near"]]
    assert told == [("far", "FaceTooSmall")]


def test_a_face_too_small_to_protect_is_left_out_instead_of_stopping_the_run(
    astronaut, finder, settings, tmp_path: Path
) -> None:
    for name, scale in (("a_1", 0.5), ("a_2", 1.0)):
        picture = astronaut if scale == 1.0 else np.ascontiguousarray(astronaut[::2, ::2])
        (tmp_path / f"{name}.jpg").write_bytes(images.encode_jpeg(picture, 92))
    told = []
    (pair,) = pairs(tmp_path, "all")

    found = list(
        opened_in_batches(
            [pair],
            2,
            lambda one: open_subject(one, [], finder, None, settings),
            lambda one, error: told.append(str(error)),
        )
    )

    assert found == []
    assert "at least 80" in told[0]
