"""Pairs from a folder of people: as many as asked, of the right kind, balanced, hard ones where wanted."""

from collections import Counter

import numpy as np
import pytest

from tests.labeling.conftest import draw
from workbench.errors import StudyError
from workbench.labeling.study.pairs import build_pairs


@pytest.fixture
def people(tmp_path):
    seed = 0
    for group in ("north", "south"):
        for person in range(6):
            for shot in range(3):
                seed += 1
                draw(tmp_path / f"people/{group}/{group}{person}/{shot}.png", seed, side=8)
    return tmp_path


def person(picture):
    return picture.file.split("/")[-2]


def test_every_pair_is_what_it_says_and_groups_are_balanced(people):
    items = build_pairs(people / "people", 21, 20, seed=3, root=people)
    assert Counter(item.truth for item in items) == {"same": 21, "different": 20}
    for item in items:
        a, b = item.pictures
        assert (person(a) == person(b)) == (item.truth == "same")
        assert a.file.split("/")[1] == b.file.split("/")[1] == item.group
        assert set(item.conflict) == {person(a), person(b)}
    assert Counter(i.group for i in items if i.truth == "same") == {"north": 11, "south": 10}
    assert Counter(i.group for i in items if i.truth == "different") == {"north": 10, "south": 10}
    assert len({i.id for i in items}) == len({tuple(p.file for p in i.pictures) for i in items}) == 41


def test_one_seed_gives_one_list(people):
    assert build_pairs(people / "people", 8, 8, seed=1, root=people) == build_pairs(
        people / "people", 8, 8, seed=1, root=people
    )
    assert build_pairs(people / "people", 8, 8, seed=1, root=people) != build_pairs(
        people / "people", 8, 8, seed=2, root=people
    )


def test_hard_pairs_are_the_recognisers_hardest(people):
    rng = np.random.default_rng(0)
    files = [path.relative_to(people).as_posix() for path in (people / "people").rglob("*.png")]
    table = {file: rng.standard_normal(8) for file in files}

    def cosine(item):
        a, b = (table[p.file] / np.linalg.norm(table[p.file]) for p in item.pictures)
        return float(a @ b)

    easy, hard = (
        build_pairs(people / "people", 12, 12, hard=h, embeddings=table, seed=5, root=people) for h in (0.0, 1.0)
    )
    for truth, sign in (("same", 1), ("different", -1)):
        mean = [sign * np.mean([cosine(i) for i in items if i.truth == truth]) for items in (easy, hard)]
        assert mean[1] < mean[0] - 0.1


def test_nobody_fills_the_study(people):
    for shot in range(3, 40):
        draw(people / f"people/north/north0/{shot}.png", 1000 + shot, side=8)
    items = build_pairs(people / "people", 24, 0, seed=0, root=people)
    assert Counter(person(i.pictures[0]) for i in items)["north0"] <= 3


@pytest.mark.parametrize(("call", "sentence"), [({"same": 1000}, "make 18"), ({"hard": 0.5}, "need embeddings")])
def test_what_cannot_be_built_is_refused(people, call, sentence):
    with pytest.raises(StudyError, match=sentence):
        build_pairs(people / "people", **{"same": 4, "different": 4, "root": people} | call)


def test_a_folder_outside_or_empty_is_refused(people, tmp_path_factory):
    with pytest.raises(StudyError, match="outside"):
        build_pairs(tmp_path_factory.mktemp("other"), 1, 1, root=people)
    with pytest.raises(StudyError, match="one folder per person"):
        build_pairs(tmp_path_factory.mktemp("empty"), 1, 1)
