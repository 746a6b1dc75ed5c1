"""A target is the number it says it is."""

import pytest
import torch

from tests.explanation import toys
from workbench.errors import BadRequest
from workbench.explanation import targets
from workbench.thresholds import Metric


def test_the_scales_of_a_class_score_agree():
    toy, chip = toys.convolutional(), toys.chip(32)
    scores = {scale: float(targets.class_score(toy, "yes", scale).score(chip)) for scale in targets.SCALES}
    probability = toy.values(chip)[0, 0].item()
    assert scores["probability"] == pytest.approx(probability, abs=1e-6)
    assert scores["log odds"] == pytest.approx(torch.logit(torch.tensor(probability)).item(), abs=1e-4)
    assert scores["logit"] == pytest.approx(toy.forward(chip)[0, 0].item(), abs=1e-6)
    for scale in targets.SCALES:
        assert float(targets.class_score(toy, "yes", scale).score(chip, shown=True)) == pytest.approx(
            probability, abs=1e-6
        )


def test_log_odds_do_not_saturate():
    toy = toys.linear()
    chip = (toys.chip(16) * 0 + 255 * (toy.network.weight > 0)).detach().requires_grad_()
    assert targets.class_score(toy, "yes", "probability").score(chip).item() == pytest.approx(1.0, abs=1e-6)
    targets.class_score(toy, "yes").score(chip).sum().backward()
    assert chip.grad.abs().max() > 1e-3


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_a_face_is_most_like_itself_in_either_metric(metric):
    toy, one, two = toys.convolutional(), toys.chip(32, 1), toys.chip(32, 2)
    toy.metric = Metric.of(metric)
    target = targets.similarity(toy, one)
    assert float(target.score(one)) == pytest.approx(1.0 if metric == "cosine" else 0.0, abs=1e-4)
    assert float(target.score(two)) < float(target.score(one))


def test_a_similarity_asks_the_damaged_copy_about_both_faces():
    toy, one = toys.convolutional(), toys.chip(32, 1)
    toy.metric = Metric.COSINE
    twin = targets.copy_of(toy)
    with torch.no_grad():
        for parameter in twin.network.parameters():
            parameter.copy_(torch.randn_like(parameter))
    assert float(targets.similarity(toy, one).of(twin).score(one)) == pytest.approx(1.0, abs=1e-5)


def test_a_copy_leaves_the_original_alone():
    toy, chip = toys.convolutional(), toys.chip(32)
    before = toy.forward(chip).detach()
    with torch.no_grad():
        targets.copy_of(toy).network.head.weight.zero_()
    assert torch.equal(toy.forward(chip), before)


def test_the_features_of_a_copy_are_part_of_its_network():
    twin = targets.copy_of(toys.convolutional())
    assert any(module is twin.features for module in twin.network.modules())


def test_the_area_of_a_part_is_the_mean_of_its_probability():
    network = torch.nn.Conv2d(3, 19, 1)
    toy, chip = toys.Toy(network, 16, ()), toys.chip(16)
    shares = [float(targets.area(toy, part).score(chip)) for part in targets.PARTS]
    assert sum(shares) == pytest.approx(1.0, abs=1e-5)
    assert shares[13] == pytest.approx(network(chip).softmax(1)[0, 13].mean().item(), abs=1e-6)


def test_what_does_not_exist_is_refused_by_name():
    toy = toys.convolutional()
    with pytest.raises(BadRequest, match="no label 'maybe'; expected one of: yes, no"):
        targets.class_score(toy, "maybe")
    with pytest.raises(BadRequest, match="no scale"):
        targets.class_score(toy, "yes", "percent")
    with pytest.raises(BadRequest, match="no part 'beard'"):
        targets.area(toy, "beard")
