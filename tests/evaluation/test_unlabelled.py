"""The Rapid Test: the published clustering to the face, the gate, the vote, a report that says it is an estimate."""

from pathlib import Path

import numpy as np
import pytest

from tests.evaluation import folders
from tests.evaluation.blocks import blocks
from workbench.errors import BadRequest
from workbench.evaluation import measuring
from workbench.evaluation.answers import Answers, pack
from workbench.evaluation.layouts import read_truth
from workbench.evaluation.run import write
from workbench.evaluation.unlabelled import Refused, Voted, groups, mixture, normalised, vote
from workbench.evaluation.voting import judge, voted
from workbench.settings import Settings

GOLDEN = Path(__file__).parents[1] / "golden" / "rapid_test_groups.txt"


def test_groups_equal_the_published_clustering_on_random_block_matrices() -> None:
    """The golden lines are what the authors' class says of the same forty matrices."""
    lines = [[int(word) for word in line.split()] for line in GOLDEN.read_text().splitlines()]

    assert [groups(blocks(seed)).tolist() for seed in range(40)] == lines
    assert {max(line) + 1 for line in lines} == {0, 1, 2, 3}


def test_the_scale_rests_on_two_normal_distributions() -> None:
    rng = np.random.default_rng(0)
    low, high = mixture(np.concatenate([rng.normal(0.1, 0.05, 400), rng.normal(0.7, 0.1, 600)]))

    assert low == pytest.approx(0.1, abs=0.02)
    assert high == pytest.approx(0.7, abs=0.02)
    with pytest.raises(BadRequest, match="at least four different"):
        normalised([np.ones((3, 3))])


def _confidences(own: int, others: int) -> np.ndarray:
    found = np.full((own + others, own + others), 0.05)
    found[:own, :own] = 0.9
    np.fill_diagonal(found, 1.0)
    return found


def test_a_person_passes_only_when_every_recogniser_finds_one_group_large_enough() -> None:
    good = _confidences(7, 3)
    two = np.block([[_confidences(6, 0), np.full((6, 6), 0.05)], [np.full((6, 6), 0.05), _confidences(6, 0)]])

    assert isinstance(vote("a", {"x": good, "y": good}), Voted)
    for matrices, why in (
        ({"x": _confidences(6, 1), "y": _confidences(6, 1)}, "7 faces, fewer than 8"),
        ({"x": _confidences(6, 6), "y": two}, "y finds 2 groups"),
        ({"x": good, "y": np.eye(10)}, "y finds 0 groups"),
    ):
        refused = vote("a", matrices)
        assert isinstance(refused, Refused)
        assert why in refused.why


def test_the_majority_decides_and_half_is_none() -> None:
    six, seven = _confidences(6, 4), _confidences(7, 3)

    of_three, of_two = vote("a", {"x": six, "y": seven, "z": seven}), vote("a", {"x": six, "y": seven})

    assert isinstance(of_three, Voted)
    assert isinstance(of_two, Voted)
    assert of_three.own.sum() == 7
    assert of_two.own.sum() == 6


def _vectors(people: int, own: int, strangers: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    found = {}
    for who in range(people):
        person = rng.normal(size=256)
        for photo in range(own + strangers):
            centre = person if photo < own else rng.normal(size=256)
            found[f"p{who}/{photo}.png"] = centre + 0.4 * rng.normal(size=256)
    return found


def test_strangers_in_folders_are_voted_out_and_the_report_says_what_it_cannot_see(tmp_path: Path) -> None:
    vectors = _vectors(4, 7, 3)
    for id_ in (*vectors, "alone/0.png"):
        folders.photo(tmp_path / "photos" / id_, np.full((12, 12, 3), 99, np.uint8))
    truth = read_truth(tmp_path / "photos", "unverified")
    rng, kept = np.random.default_rng(2), {}
    for model in ("x", "y"):
        kept[model] = Answers(tmp_path / model, model, "weights")
        with kept[model] as answers:
            for case in truth.cases:
                if case.id in vectors:
                    answers.add(case, pack(vectors[case.id] + 0.1 * rng.normal(size=256)))
                else:
                    answers.add(case, error="No face was found.")

    found = voted(truth, kept, {"x": "cosine", "y": "cosine"})

    assert {case.id for case in found.cases if case.person} == {id_ for id_ in vectors if int(id_[3]) < 7}
    assert sum(pair.same for pair in found.pairs) == 4 * 21
    assert sum(not pair.same for pair in found.pairs) == 4 * 7 * 3 + 6 * 49
    measured = measuring.measure(found, kept, {}, {"x": ("cosine", 0.5), "y": ("cosine", 0.5)}, rounds=100)
    assert measured.models[0].figures["AUC"].value > 0.99
    write(measured, kept, tmp_path / "out", {}, Settings.from_env({}))
    page = (tmp_path / "out" / "report.html").read_text()
    assert "every figure is an estimate" in page
    assert page.count("Not seen:") >= 5
    with pytest.raises(BadRequest, match="name two or more"):
        voted(truth, {"x": kept["x"]}, {"x": "cosine"})


def test_nobody_who_passes_is_an_error_with_the_reasons() -> None:
    vectors = {"x": _vectors(2, 3, 0), "y": _vectors(2, 3, 0)}
    people = {f"p{who}": [f"p{who}/{photo}.png" for photo in range(3)] for who in range(2)} | {"q": ["p0/0.png"]}

    found = judge(people, vectors, {"x": "cosine", "y": "cosine"})

    assert [each.why for each in found if isinstance(each, Refused)] == [
        "3 faces, fewer than 8", "3 faces, fewer than 8", "fewer than 2 faces",
    ]  # fmt: skip


def test_a_folder_per_person_is_never_taken_for_it_unless_asked(tmp_path: Path) -> None:
    folders.photo(tmp_path / "ann" / "1.png", np.zeros((9, 9, 3), np.uint8))

    with pytest.raises(BadRequest, match="no truth that is recognised"):
        read_truth(tmp_path)
    assert read_truth(tmp_path, "unverified").cases[0].person == "ann"
