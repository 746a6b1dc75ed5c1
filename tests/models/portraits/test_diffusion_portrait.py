"""What every portrait model on Stable Diffusion has to say for itself."""

import pytest

from workbench.models.portraits.diffusion_portrait import DiffusionPortrait


def test_a_model_that_does_not_say_what_it_is_told_is_refused_when_it_is_made_and_not_when_it_draws():
    class Silent(DiffusionPortrait):
        pass

    with pytest.raises(TypeError, match="condition"):
        Silent(None, None, "sface", (4, 1, 8), (1.0, 0.0, 2.0))  # type: ignore[abstract, arg-type]
