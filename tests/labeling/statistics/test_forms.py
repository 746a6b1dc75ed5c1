"""What drawn, placed and graded answers come to, on answers whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from tests.labeling.judged import judged
from workbench.labeling.statistics.forms import consensus, formed
from workbench.labeling.statistics.quality import assess
from workbench.labeling.statistics.realness import taken_for_real
from workbench.labeling.study import details
from workbench.labeling.study.study import Exclusion


def items_of(names, source="model"):
    return pd.DataFrame({"item": names, "pictures": [[("a.png", ""), ("b.png", "", source)]] * len(names)})


def square(x, y, side=10, size=32):
    mask = np.zeros((size, size), bool)
    mask[y : y + side, x : x + side] = True
    return mask


def test_expressions_are_placed_on_the_grid_and_agree_where_people_do():
    answers = [("smile", f"r{n}", f"happy#{n % 2 + 3},3,1") for n in range(4)]
    answers += [("frown", f"r{n}", f"{'anger' if n else 'sad'}#2,-3,{n % 2}") for n in range(4)]
    found = formed(judged(answers, "expression"), items_of(["smile", "frown"]), rounds=50)
    row = found.per_item.set_index("item").loc["smile"]
    assert (row["expression"], row["intensity"], row["valence"], row["spread"]) == ("happy", 3.5, 3, 0)
    measures = found.measures.set_index("what")["value"]
    assert measures["Valence"] == 1
    assert 0 < measures["Expression"] < 1
    assert 0 < measures["Intensity"] < 1


def test_units_have_their_own_agreement_and_share():
    answers = [(f"i{n}", f"r{r}", "coded#4,12" if n % 2 else "coded#12") for n in range(6) for r in range(3)]
    found = formed(judged(answers, "action_units"), items_of([]), ("1", "4", "12"), rounds=20)
    rows = found.measures.set_index("what")
    assert rows.loc["AU4 Brow lowerer", "value"] == 1
    assert rows.loc["AU4 Brow lowerer", "seen"] == 0.5
    assert rows.loc["AU1 Inner brow raiser", ["value"]].isna().all(), "nobody saw it, so nothing varies"
    assert found.per_item.set_index("item").loc["i1", "AU4"] == 1


def test_points_spread_as_far_as_people_place_them_apart():
    steady = [("i0", f"r{r}", "placed#5000,5000;-") for r in range(3)]
    loose = [("i1", f"r{r}", f"placed#{5000 + 300 * (r - 1)},5000;2000,2000") for r in range(3)]
    found = formed(judged(steady + loose, "points"), items_of([]), ("nose", "ear"), rounds=20)
    per_item = found.per_item.set_index("item")
    assert per_item.loc["i0", "nose spread"] == 0
    assert per_item.loc["i1", "nose spread"] == pytest.approx(100 * np.sqrt((0.045**2 * 2 + 0) / 3))
    assert np.isnan(per_item.loc["i0", "ear x"])
    assert per_item.loc["i1", "ear spread"] == pytest.approx(0, abs=1e-9)


def test_the_better_mask_meets_people_better_and_fine_stands_for_the_model_s():
    answers, layers = [], {}
    for n in range(8):
        truth = square(4 + n, 6)
        good = n % 2 == 0
        layers[f"i{n}"] = (truth if good else square(9 + n, 11)).astype(float)
        answers += [(f"i{n}", f"r{r}", "fine" if good and r else details.drawing("corrected", truth)) for r in range(3)]
    items = pd.concat(
        [items_of([f"i{n}" for n in range(0, 8, 2)], "A"), items_of([f"i{n}" for n in range(1, 8, 2)], "B")]
    )
    found = formed(judged(answers, "correct_mask"), items, layer=layers.get, rounds=50)
    rows = found.measures.set_index("what")
    assert rows.loc["People among themselves", "value"] == 1
    assert rows.loc["A and people", "low"] == 1
    assert rows.loc["B and people", "value"] == pytest.approx(25 / 175)
    assert rows.loc["Said to fit as it is", "value"] == pytest.approx(1 / 3)


def test_masks_are_held_against_people_per_group_from_ten_items_on():
    answers, layers = [], {}
    for n in range(22):
        truth = square(4 + n % 8, 6)
        layers[f"i{n}"] = (truth if n % 2 else square(11, 11)).astype(float)
        answers += [(f"i{n}", f"r{r}", details.drawing("corrected", truth)) for r in range(2)]
    items = items_of([f"i{n}" for n in range(22)], "A")
    items["group"] = ["few" if n < 2 else "odd" if n % 2 else "even" for n in range(22)]
    rows = formed(judged(answers, "correct_mask"), items, layer=layers.get, rounds=30).measures.set_index("what")
    assert rows.loc["A and people, odd", "value"] == 1
    assert rows.loc["A and people, even", "high"] < 1
    assert rows.loc["A and people, even", "items"] == 10
    assert "A and people, few" not in rows.index


def test_who_corrects_what_others_leave_is_not_flagged_for_it():
    answers = [
        (f"i{n}", f"r{r}", "fine" if r else details.drawing("corrected", square(n, n)))
        for n in range(12)
        for r in range(4)
    ]
    verdicts = assess(judged(answers, "correct_mask"), Exclusion(straight_share=1.0))
    assert {v.check("agreement").state for v in verdicts} == {"not checked"}
    assert {v.verdict for v in verdicts} == {"ok"}


def test_without_the_model_s_mask_only_drawn_answers_say_where():
    rows = judged([("i", "a", "fine"), ("i", "b", details.drawing("corrected", square(3, 3)))], "correct_mask")
    found = formed(rows, items_of(["i"]), rounds=5)
    assert found.per_item["raters"].tolist() == [1]
    assert "model" in found.per_item.columns
    assert not found.measures["what"].str.contains("and people").any()


def test_a_heatmap_is_held_against_people_over_the_same_area():
    eyes, mouth = square(8, 6), square(8, 20)
    answers = [(f"i{n}", f"r{r}", details.drawing("drawn", eyes)) for n in range(4) for r in range(3)]
    looks = {f"i{n}": 0.2 + 0.8 * (eyes if n < 2 else mouth) for n in range(4)}
    items = pd.concat([items_of(["i0", "i1"], "true"), items_of(["i2", "i3"], "false")])
    rows = formed(judged(answers, "attention"), items, layer=looks.get, rounds=20).measures.set_index("what")["value"]
    assert rows["true and people"] == 1
    assert rows["false and people"] == 0
    assert rows["By chance"] == pytest.approx((100 / 1024) / (2 - 100 / 1024))


def test_where_no_cell_has_half_all_that_was_drawn_counts():
    share = np.array([[0.3, 0.0], [0.5, 0.2]])
    assert consensus(share).tolist() == [[True, False], [True, True]]
    assert consensus(share + 0.1).tolist() == [[False, False], [True, False]]


def test_made_pictures_pass_for_real_as_often_as_people_say():
    items = pd.DataFrame(
        {
            "item": ["p", "q"],
            "truth": ["image_1", "image_2"],
            "pictures": [[("a", ""), ("b", "", "Gan")], [("c", "", "Diffusion"), ("d", "")]],
        }
    )
    answers = [("p", "r", "image_2"), ("p", "s", "image_1"), ("q", "r", "image_2"), ("q", "s", "image_2")]
    table = taken_for_real(judged(answers, "real_of_two"), items, 20).set_index("made by")
    assert table["fooled"].to_dict() == {"all": 0.25, "Diffusion": 0.0, "Gan": 0.5}
    assert table.loc["all", "answers"] == 4


@pytest.mark.parametrize("model", [None, square(4, 4)])
def test_a_drawing_of_a_forged_size_puts_no_honest_answer_aside(model):
    forged = [("i0", "a", "drawn#1x2:0 2")]
    honest = [("i0", f"r{n}", details.drawing("drawn", square(4, 4))) for n in range(2 if model is None else 1)]
    found = formed(judged(forged + honest, "attention"), items_of(["i0"]), layer=lambda item: model, rounds=10)
    share, _ = found.shares["i0"]
    assert share.shape == (32, 32), "whoever answers first would choose the cells for all"
    assert (share == square(4, 4)).all()
