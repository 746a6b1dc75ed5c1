"""Items whose answer is certain are asked no more, and come back when somebody changes their mind."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.labeling.conftest import STUDY
from workbench.errors import StudyError
from workbench.labeling.statistics import aggregate, simulation
from workbench.labeling.statistics.judgements import counted
from workbench.labeling.store import readout
from workbench.labeling.store.leases import Vote
from workbench.labeling.study.certainty import certainty
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import parse_study

TEXT = STUDY.replace("raters_per_item = 3", "raters_per_item = 7\ncertain = 0.95").replace("gold = 2", "gold = 0")
TEXT = TEXT.replace("repeats = 1", "repeats = 0")


def test_certainty_is_the_one_coin_posterior():
    assert certainty({}, 2, 0.8) == 0.5
    assert certainty({"same": 3}, 2, 0.8) == pytest.approx(0.8**3 / (0.8**3 + 0.2**3))
    assert certainty({"same": 2, "different": 1}, 2, 0.8) == pytest.approx(0.8)
    assert certainty({"a": 2}, 4, 0.7) == pytest.approx(0.7**2 / (0.7**2 + 3 * 0.1**2))


@pytest.fixture
def sure(study, store):
    """A study that retires items, with two items."""
    mine = parse_study(TEXT, study.folder)
    store.add_study(mine, [item for item in load_items(mine) if not item.gold][:2])
    return mine


def judge(store, study, answers):
    """Each rater in turn gives one answer to every item that they are shown; the labels."""
    labels = []
    for answer in answers:
        rater = store.join(study)
        while held := store.hold(study, rater, 1):
            store.now.seconds += 4
            labels.append((rater, store.record(study, held[0], Vote(answer, 1500)).label))
    return labels


def test_an_item_is_asked_no_more_when_its_answer_is_certain(store, sure):
    judge(store, sure, ["same_3", "same_1", "same_2", "same_3", "same_3"])
    table = store.items("pairs")
    assert table["filled"].tolist() == [3, 3]
    assert not table["is_open"].any()
    assert readout.coverage(store.database, "pairs")["missing"] == 0


def test_raters_who_disagree_are_followed_by_more(store, sure):
    judge(store, sure, ["same_3", "different_1", "same_2", "same_3", "same_1", "same_1"])
    assert store.items("pairs")["filled"].tolist() == [5, 5], "4 to 1 is as certain as 3 to 0"


def test_a_changed_mind_opens_a_certain_item_again_and_a_changed_study_does_not(store, sure):
    rater, label = judge(store, sure, ["same_3", "same_3", "same_3"])[-1]
    lease = store.revise(sure, rater, label["label"])
    store.now.seconds += 4
    assert store.record(sure, lease, Vote("different_3", 1500)).state == "recorded"
    opened = store.items("pairs").set_index("item")["is_open"]
    assert opened[label["item"]]
    assert opened.sum() == 1
    store.add_study(replace(sure, text=TEXT + "\n# changed"), [])
    assert store.items("pairs")["is_open"].sum() == 1


def test_a_scale_has_no_classes_to_be_certain_of(tmp_path):
    with pytest.raises(StudyError, match="certain"):
        parse_study(TEXT.replace("same_different", "similarity_5"), tmp_path)


def test_retirement_saves_a_third_of_the_votes_at_the_accuracy_of_all(tmp_path):
    rng = np.random.default_rng(0)
    items = pd.DataFrame({"item": [f"p{n:03d}" for n in range(200)], "same": rng.random(200) < 0.5})
    raters = simulation.make_raters(careful=27, random=3, seed=0)
    rows = counted(simulation.simulate(items, raters, simulation.Plan(per_item=9), 0)).sample(frac=1, random_state=0)
    kept = simulation.stopped(rows)
    truth = items.set_index("item")["same"].map({True: "same", False: "different"})

    def right(table):
        label = aggregate.majority(table)["label"]
        return float((label == truth.reindex(label.index)).mean())

    assert len(kept) <= 0.67 * len(rows)
    assert right(kept) >= right(rows) - 0.02
