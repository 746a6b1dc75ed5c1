"""What is said of a protected photo comes from the saved file alone, and only judges may call it protected."""

from dataclasses import replace

import numpy as np
import pytest

from workbench import images
from workbench.detections import overlap
from workbench.errors import BadRequest
from workbench.protection.judge import TREATMENTS, Reader, find_again, jpeg, opened, vectors
from workbench.values import STATES, Protection, Reading


def reading(
    role: str = "judge", after: float | None = 0.1, jpeg_75: float | None = 0.1, metric: str = "cosine"
) -> Reading:
    """One recogniser's answer, threshold 0.3."""
    return Reading("sface", role, metric, 0.3, 0.9, after, {"JPEG 75": jpeg_75, "blur": None})


def protection(*readings: Reading, aim: str = "dodge", changed: bool = True) -> Protection:
    """A protection with these answers."""
    return Protection(
        b"", aim, "the other photo", readings, 0.9, 30.0, 1.0, 0.5, 0.5, np.zeros((4, 4), np.uint8), changed
    )


@pytest.mark.parametrize(
    ("made", "state"),
    [
        (protection(reading()), "protected"),
        (protection(reading(jpeg_75=0.4)), "not protected"),
        (protection(reading(after=0.4, jpeg_75=0.2)), "protected"),
        (protection(reading(), reading(jpeg_75=0.31)), "not protected"),
        (protection(reading("surrogate", jpeg_75=0.9), reading()), "protected"),
        (protection(reading("surrogate"), reading(jpeg_75=0.9)), "not protected"),
        (protection(reading("surrogate")), "not judged"),
        (protection(reading(after=None, jpeg_75=None)), "face lost"),
        (protection(reading(jpeg_75=None)), "face lost"),
        (protection(reading(jpeg_75=0.9), changed=False), "not needed"),
        (protection(reading(metric="l2", jpeg_75=0.5)), "protected"),
        (protection(reading(metric="l2", jpeg_75=0.2)), "not protected"),
        (protection(reading(jpeg_75=0.4), aim="impersonate"), "protected"),
        (protection(reading(jpeg_75=0.1), aim="impersonate"), "not protected"),
    ],
)
def test_only_the_judge_after_jpeg_75_may_say_protected(made: Protection, state: str) -> None:
    assert made.state == state
    assert state in STATES
    assert made.words.startswith("Protected") == (state == "protected")
    assert made.word == ("protected" if state == "protected" else "not-protected"), "a file says what the verdict says"


def test_a_failure_names_only_the_judges_that_failed_with_score_and_threshold() -> None:
    failed, passed = reading(jpeg_75=0.4), replace(reading(jpeg_75=0.1), model="dlib")
    made = replace(protection(failed), readings=(failed, passed))

    said = made.said({"sface": "SFace", "dlib": "dlib ResNet"})

    assert "SFace still matches it (0.400, one person from ≥ 0.300 on); 1 other judge no longer" in said
    assert "dlib" not in said


def test_the_words_name_the_judges_and_promise_nothing_about_others() -> None:
    words = protection(reading()).words

    assert "sface" in words
    assert "Other recognisers" in words


@pytest.mark.parametrize("wrong", [{"role": "referee"}, {"metric": "dot"}])
def test_a_reading_of_another_kind_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        Reading(
            **{"model": "m", "role": "judge", "metric": "cosine", "threshold": 0.3, "before": 1.0, "after": 0.1} | wrong
        )


def test_overlap_of_boxes() -> None:
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [2, 2, 3, 3]])

    assert overlap(np.array([0, 0, 2, 2]), others) == pytest.approx([1, 1 / 3, 0])


def test_treatments_do_what_their_names_say(astronaut) -> None:
    treated = {kind: treat(astronaut) for kind, treat in TREATMENTS.items()}

    assert list(treated) == ["JPEG 75", "half size", "blur", "screenshot"]
    assert treated["half size"].shape == (256, 256, 3)
    assert treated["screenshot"].shape == (384, 384, 3)
    assert np.array_equal(treated["JPEG 75"], jpeg(astronaut, 75))
    assert (
        np.abs(np.diff(treated["blur"].astype(int), axis=1)).mean()
        < 0.8 * np.abs(np.diff(astronaut.astype(int), axis=1)).mean()
    )


def test_the_same_face_is_found_again_and_another_place_is_not(astronaut, astronaut_face, finder) -> None:
    again = find_again(opened(images.encode_jpeg(astronaut, 75)), astronaut_face.box, finder)

    assert again is not None
    assert overlap(again.box, astronaut_face.box[None])[0] > 0.8
    assert find_again(astronaut, astronaut_face.box + 300, finder) is None


def test_a_picture_without_the_face_gives_no_scores_rather_than_strange_ones(
    astronaut, astronaut_face, bench, finder
) -> None:
    model = bench.model("dlib")
    reader = Reader([model], finder, astronaut_face.box, (512, 512), vectors(astronaut, astronaut_face, [model]))
    blank = images.encode_jpeg(np.full_like(astronaut, 128), 92)

    (lost,) = reader.readings(astronaut, blank, ["dlib"], {"JPEG 75": TREATMENTS["JPEG 75"]})

    assert lost.after is None
    assert lost.survival == {"JPEG 75": None}
    assert lost.before < 0.01
    assert protection(lost).state == "face lost"


def test_scores_come_from_the_saved_bytes(astronaut, astronaut_face, bench, finder) -> None:
    model = bench.model("dlib")
    reader = Reader([model], finder, astronaut_face.box, (512, 512), vectors(astronaut, astronaut_face, [model]))
    data = images.encode_jpeg(astronaut, 30)

    (read,) = reader.readings(astronaut, data, ["dlib"], {})

    assert read.after == pytest.approx(reader.scores(opened(data))["dlib"])
    assert read.after > read.before
