"""A selector's map is drawn for the label that is asked, and only for models that have a selector."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.explanation import toys
from tests.explanation.questions import ask
from workbench.errors import BadRequest
from workbench.explanation.anatomy import anatomy
from workbench.explanation.fills import make_fill
from workbench.explanation.methods import find, methods_for, run
from workbench.explanation.question import Question
from workbench.explanation.selected import selected
from workbench.explanation.targets import number


class Halves(nn.Module):
    """Keeps the left half for the first label, the upper half for the second."""

    def forward(self, chips: torch.Tensor) -> torch.Tensor:
        keep = torch.zeros(len(chips), 2, *chips.shape[2:])
        side = chips.shape[-1] // 2
        keep[:, 0, :, :side], keep[:, 1, :side] = 1, 1
        return keep


def test_each_label_has_its_map_with_what_the_score_is_of_what_is_kept_and_left():
    toy, chip = toys.convolutional(), toys.chip(32)
    toy.selector = Halves()
    first, second = (selected(ask(toy, chip, label=label)) for label in ("yes", "no"))

    assert first.values[:, :16].min() == 1
    assert first.values[:, 16:].max() == 0
    assert np.array_equal(second.values, first.values.T)
    assert first.extra["kept"] == 0.5
    question = ask(toy, chip, label="yes")
    keep = torch.from_numpy(first.values)[None, None]
    for name, mask in (("stays", keep), ("left", 1 - keep)):
        seen = question.scores(torch.lerp(make_fill("blur", chip).image, chip, mask), shown=True)
        assert first.extra[name] == pytest.approx(float(seen), abs=1e-4)


def test_only_a_model_with_a_selector_is_offered_it():
    toy, chip = toys.convolutional(), toys.chip(32)
    with pytest.raises(BadRequest, match="a selector trained beside the model"):
        run(find("comet"), ask(toy, chip), anatomy(toy).abilities, {})
    with pytest.raises(BadRequest, match="no selector"):
        selected(ask(toy, chip))
    toy.selector = Halves()
    assert find("comet") in methods_for(anatomy(toy).abilities)
    with pytest.raises(BadRequest, match="choose a label"):
        selected(Question(number(toy, "a number", lambda out: out[:, 0]), chip))
