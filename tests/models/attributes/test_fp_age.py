"""FP-Age gives its authors' years and gates, and its gates lie where its parts are."""

import numpy as np
import pytest
import torch

from tests.golden import inputs
from tests.golden.archive import Golden, apart
from workbench.catalog import MODELS
from workbench.explanation.anatomy import anatomy
from workbench.explanation.methods import find, methods_for, run
from workbench.explanation.question import Question
from workbench.explanation.targets import attribute
from workbench.models.attributes import fp_age

SIDE = 129


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> fp_age.FPAge:
    folder, weights = tmp_path_factory.mktemp("fp_age"), Golden("fp-age").weights()
    files = {}
    for role, start in (("trunk", "trunk."), ("weights", "head.")):
        files[role] = folder / f"{role}.torch"
        torch.save(
            {key.removeprefix(start): value for key, value in weights.items() if key.startswith(start)}, files[role]
        )
    found = fp_age.load(MODELS["fp-age"], files, "cpu", SIDE)
    for path in files.values():
        path.unlink()
    return found


def test_years_and_gates_equal_their_authors(model: fp_age.FPAge) -> None:
    golden = Golden("fp-age")
    with torch.inference_mode():
        ages, gates, shares = model.network.looked(torch.from_numpy(inputs.tensor(5, (2, 3, SIDE, SIDE))))

    assert apart(ages.numpy(), golden["age"]) <= 1e-5
    assert apart(gates.numpy(), golden["gates"]) <= 1e-5
    assert shares.sum(1) == pytest.approx(torch.ones(2, 17, 17), abs=1e-5)


def test_the_mirrored_face_is_asked_too(model: fp_age.FPAge) -> None:
    photo = inputs.photo(2, 140, 120)
    box = (20.0, 30.0, 80.0, 110.0)
    here = model.raw(photo, box)
    turned = model.raw(photo[:, ::-1].copy(), (119 - 80.0, 30.0, 119 - 20.0, 110.0))

    assert here["age"] == pytest.approx(turned["age"], rel=1e-4)
    assert here["age"][0] == pytest.approx((here["single"][0] + turned["single"][0]) / 2, rel=1e-4)
    assert here["gates"].shape == (14,)


def test_gates_are_an_explanation_of_their_own(model: fp_age.FPAge) -> None:
    chip = torch.from_numpy(inputs.photo(4, SIDE, SIDE)).permute(2, 0, 1)[None].float()
    found = anatomy(model)
    assert found.places == ""
    assert find("own_gates") in methods_for(found.abilities)
    assert find("grad_cam") not in methods_for(found.abilities)

    question = Question(attribute(model, "age"), chip, places=found.places)
    drawn = run(find("own_gates"), question, found.abilities, {})
    with torch.inference_mode():
        _, gates, _ = model.network.looked(model.network.frames(chip))
    assert list(drawn.extra) == list(fp_age.PARTS)
    assert list(drawn.extra.values()) == pytest.approx(gates[0].tolist(), abs=1e-4)
    assert drawn.values.shape == (SIDE, SIDE)
    middle = drawn.values[44:84, 44:84]
    assert gates.min() - 1e-4 <= middle.min() <= middle.max() <= gates.max() + 1e-4
    assert np.ptp(middle) > 0
