"""Two faces, one verdict: scores, margins and words, and real people told apart."""

import numpy as np
import pytest

from workbench.errors import BadRequest
from workbench.tasks.recognition import Match, match, score, similarities, similarity, verify
from workbench.thresholds import Metric
from workbench.values import Embedding


def _vector(*numbers: float, metric: str = "cosine", model: str = "toy") -> Embedding:
    return Embedding(np.array(numbers, np.float32), metric, model)


def test_cosine_and_distance_are_what_they_are_called() -> None:
    assert score(_vector(1, 0), _vector(0.6, 0.8)) == pytest.approx(0.6)
    assert score(_vector(1, 0, metric="l2"), _vector(4, 4, metric="l2")) == pytest.approx(5)


def test_more_similar_is_always_more() -> None:
    assert similarity(_vector(1, 0), _vector(0.6, 0.8)) == pytest.approx(0.6)
    assert similarity(_vector(1, 0, metric="l2"), _vector(4, 4, metric="l2")) == pytest.approx(-5)


def test_vectors_of_different_models_cannot_be_compared() -> None:
    for other in (_vector(1, 0, model="other"), _vector(1, 0, metric="l2"), _vector(1, 0, 0)):
        with pytest.raises(BadRequest, match="one model"):
            score(_vector(1, 0), other)


@pytest.mark.parametrize(
    ("metric", "value", "threshold", "margin", "same"),
    [("cosine", 1.0, 0.4, 1.0, True), ("cosine", 0.4, 0.4, 0.0, True), ("cosine", 0.1, 0.4, -0.5, False),
     ("l2", 0.0, 0.6, 1.0, True), ("l2", 0.6, 0.6, 0.0, True), ("l2", 0.9, 0.6, -0.5, False)],
)  # fmt: skip
def test_the_margin_is_one_for_identity_and_zero_at_the_threshold(metric, value, threshold, margin, same) -> None:
    found = Match("toy", metric, value, threshold)

    assert found.margin == pytest.approx(margin)
    assert found.same is same
    assert ("one person." if same else "two people.") in found.words().replace(", but it is close.", ".")


def test_a_close_call_is_said_to_be_close() -> None:
    assert "close" in Match("toy", "cosine", 0.42, 0.4).words()
    assert "close" not in Match("toy", "cosine", 0.8, 0.4).words()


def test_without_a_threshold_there_is_no_verdict() -> None:
    found = Match("toy", "l2", 0.3, None)

    assert found.same is None
    assert found.margin is None
    assert "no calibrated threshold" in found.words()


def test_rows_are_compared_as_single_vectors_are() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 5, 8)).astype(np.float32)
    for metric in ("cosine", "l2"):
        singles = [
            similarity(_vector(*a, metric=metric), _vector(*b, metric=metric))
            for a, b in zip(first, second, strict=True)
        ]
        np.testing.assert_allclose(similarities(first, second, metric), singles, atol=1e-6)


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(BadRequest, match="cosine or l2"):
        similarities(np.ones((1, 2)), np.ones((1, 2)), "manhattan")


@pytest.mark.parametrize("name", ["sface", "dlib"])
def test_one_man_in_two_photos_matches_and_another_does_not(bench, finder, shared_data, settings, name: str) -> None:
    from workbench import images
    from workbench.tasks.detection import one_face

    model = bench.model(name)
    photos = [
        images.limit(images.decode(shared_data / "photos" / f"{stem}.jpg", settings), 1024)
        for stem in ("obama", "obama2", "biden")
    ]
    faces = [one_face(photo, finder) for photo in photos]

    same, different = (verify(photos[0], faces[0], photos[i], faces[i], model) for i in (1, 2))

    assert same.similarity > different.similarity
    assert same.threshold is not None
    assert same.same
    assert not different.same
    assert same == match(model.embed(photos[0], faces[0]), model.embed(photos[1], faces[1]), model)


def test_a_metric_says_its_direction_once_and_for_all() -> None:
    assert [metric.similarity(0.3) for metric in Metric] == [0.3, -0.3]
    assert [metric.distance(0.3) for metric in Metric] == [pytest.approx(0.7), 0.3]
    assert [bool(metric.matches(0.5, 0.4)) for metric in Metric] == [True, False]
    assert [metric.margin(0.2, 0.4) for metric in Metric] == [pytest.approx(-1 / 3), pytest.approx(0.5)]
    assert f"{Metric.COSINE} {Metric.L2}" == "cosine l2"
    with pytest.raises(BadRequest, match="expected cosine or l2, got 'dot'"):
        Metric.of("dot")
