"""Clicks mend the part they are on: heeded where they fall, quiet elsewhere, and checked whoever sends them."""

import numpy as np
import pytest

from workbench.errors import BadRequest
from workbench.models.parsers.flooding import grown
from workbench.parts import INDEX
from workbench.tasks.clicks import refine
from workbench.tasks.detection import find_faces
from workbench.tasks.parsing import parse


@pytest.fixture(scope="module")
def seen(bench, astronaut):
    """Model, features, and the parsed parts of the astronaut."""
    (face,) = find_faces(astronaut, bench.finder())
    model = bench.clicks()
    return model, model.look(astronaut, face), parse(astronaut, bench.parser("compact"), [face])


def test_a_spoilt_nose_is_mended_by_two_clicks(seen, astronaut) -> None:
    model, features, parsing = seen
    truth = parsing.mask("nose")
    y, x = np.nonzero(truth)
    middle = int(np.median(y))
    spoilt = truth.copy()
    spoilt[middle:] = False  # its lower half is missing
    spoilt[middle - 10 : middle - 4, x.max() + 6 : x.max() + 14] = True  # and a piece of cheek is in it

    labels, changed = refine(astronaut, model, features, "nose", spoilt, [(int(np.median(x)), middle + 6, 1)])
    mask = np.where(changed, labels == INDEX["nose"], spoilt)
    clicks = [(int(np.median(x)), middle + 6, 1), (int(x.max()) + 10, middle - 7, -1)]
    labels, changed = refine(astronaut, model, features, "nose", mask, clicks)
    mended = np.where(changed, labels == INDEX["nose"], mask)

    assert not mended[middle - 7, x.max() + 10]
    assert labels[middle - 7, x.max() + 10] == INDEX["skin"], "what was taken away is what the parser says beside it"
    before = (spoilt & truth).sum() / (spoilt | truth).sum()
    assert (mended & truth).sum() / (mended | truth).sum() > before + 0.15


def test_every_click_is_heeded_and_the_rest_of_the_photo_is_left_alone(seen, astronaut) -> None:
    model, features, parsing = seen
    mask = parsing.mask("hair")
    for click in ((256, 60, -1), (5, 500, 1), (250, 330, 1)):
        labels, changed = refine(astronaut, model, features, "hair", mask, [click])
        new = np.where(changed, labels == INDEX["hair"], mask)
        assert new[click[1], click[0]] == (click[2] > 0)
    assert not refine(astronaut, model, features, "image_left_eye", parsing.mask("image_left_eye"), [(10, 10, -1)])[
        1
    ].any()


@pytest.mark.parametrize("clicks", [[], None, [(1, 2)], [(600, 2, 1)], [(1.5, 2, 1)], [(1, 2, 0)], [(1, 2, 1)] * 41])
def test_clicks_that_are_none_are_refused(seen, astronaut, clicks) -> None:
    model, features, parsing = seen

    with pytest.raises(BadRequest):
        refine(astronaut, model, features, "hair", parsing.mask("hair"), clicks)
    with pytest.raises(BadRequest):
        refine(astronaut, model, features, "background", parsing.mask("hair"), [(1, 2, 1)])
    with pytest.raises(BadRequest):
        refine(astronaut, model, features, "hair", parsing.mask("hair")[:-1], [(1, 2, 1)])


def test_flooding_stops_at_an_edge() -> None:
    picture = np.zeros((80, 80, 3), np.uint8)
    picture[20:60, 20:60] = 200
    mask = np.zeros((80, 80), bool)
    mask[20:60, 20:46] = True

    new = grown(picture, mask, [(52, 40, 1)])

    assert new[30:50, 46:58].mean() > 0.8
    assert not new[:, 63:].any()


def test_the_network_is_asked_only_of_parts_it_knows_better_than_flooding(seen, astronaut, monkeypatch) -> None:
    """Clicks on clothes, hair and ears took more of them with the network than without."""
    model, features, parsing = seen
    asked = []
    heard = model._chance
    monkeypatch.setattr(model, "_chance", lambda *given: asked.append(1) or heard(*given))
    hair, eye = parsing.mask("hair"), parsing.mask("image_left_eye")
    y, x = (int(np.median(side)) for side in np.nonzero(hair))
    changed = refine(astronaut, model, features, "hair", hair, [(x, y, -1)])[1]
    assert ((hair ^ changed) == grown(astronaut, hair, [(x, y, -1)])).all()
    assert not asked
    y, x = (int(np.median(side)) for side in np.nonzero(eye))
    refine(astronaut, model, features, "image_left_eye", eye, [(x, y, -1)])
    assert len(asked) == 1
    refine(astronaut, model, features, "hat", np.zeros_like(hair), [(256, 60, 1)])
    assert len(asked) == 2, "of a part that is not marked yet it is asked too"
