"""A protection's figures as a table's row and as JSON: everything that was read, and nothing where the face was
lost."""

import json

import numpy as np

from workbench.protection.summary import record, row
from workbench.values import Protection, Reading


def _found(after: float | None) -> Protection:
    readings = (
        Reading("dlib", "surrogate", "l2", 0.6, 0.0, 0.91, {"JPEG 75": 0.9, "blur": 0.8}),
        Reading("sface", "judge", "cosine", 0.32, float("nan"), after, {"JPEG 75": after, "blur": after}),
    )
    return Protection(
        b"x", "dodge", "the other photo", readings, 0.91234, 30.1, 2.0, 1.0, 0.5, np.zeros((2, 2), np.uint8), steps=7
    )


def test_a_row_holds_every_score_under_its_recognisers_name() -> None:
    line = row(_found(0.123456))

    assert line["outcome"] == "protected"
    assert line["ssim"] == 0.9123
    assert line["dlib role"] == "surrogate"
    assert line["dlib after blur"] == 0.8
    assert line["sface before"] == ""
    assert line["sface after JPEG 75"] == 0.1235


def test_a_lost_face_leaves_its_cells_empty_and_is_no_success() -> None:
    line = row(_found(None))

    assert line["outcome"] == "face lost"
    assert line["sface after"] == ""


def test_the_json_is_strict_and_holds_no_picture() -> None:
    text = json.dumps(record(_found(None)), allow_nan=False)
    told = json.loads(text)

    assert told["outcome"] == "face lost"
    assert told["readings"][1]["scores"] == {"before": None, "after": None, "after JPEG 75": None, "after blur": None}
    assert set(told["looks"]) == {"visibility", "ssim", "psnr", "skin_change", "skin_tint", "patchiness"}
    assert "photo" not in told
