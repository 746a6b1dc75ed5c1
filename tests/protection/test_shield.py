"""The defence against deepfakes stays within its bounds, keeps to what JPEG keeps, and disturbs what it aims at."""

import torch
from torch import Tensor, nn

from tests.protection import toys
from workbench.protection import shield as module
from workbench.protection.shield import REACH, faces_seen, low_pass, shield, softened
from workbench.protection.views import views


class Faces(nn.Module):
    """Takes bright places for faces, as P-Net answers: offsets and probabilities."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """No offsets; a probability per cell."""
        light = nn.functional.avg_pool2d(x.mean(1, keepdim=True), 3)[:, 0]
        return x, torch.sigmoid(8 * light)


def test_the_low_pass_keeps_slow_changes_and_drops_fine_ones() -> None:
    slow = torch.full((1, 3, 16, 16), 5.0)
    fine = torch.tensor([1.0, -1.0]).repeat(8).expand(1, 3, 16, 16) * 5.0
    mixed = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))

    torch.testing.assert_close(low_pass(slow), slow)
    assert float(low_pass(fine).square().mean()) < 0.2 * float(fine.square().mean())
    torch.testing.assert_close(low_pass(low_pass(mixed)), low_pass(mixed), atol=1e-5, rtol=0)
    assert float((module.cosines() @ module.cosines().T - torch.eye(8)).abs().max()) < 1e-5


def test_a_step_is_blurred_where_it_has_edges_only() -> None:
    step = torch.zeros(1, 3, 64, 64)
    step[..., 16:] = 1.0

    made = softened(step, step)

    assert float((made - step)[..., 10:22].abs().max()) > 0.1
    assert float((made - step)[..., 40:].abs().max()) < 1e-3


def test_it_disturbs_identity_and_face_finding_within_its_reach() -> None:
    scene = toys.scene(2)
    eyes, faces = views([toys.ToyRecogniser("a", 1)], scene), Faces()

    stage = shield(scene, eyes, faces, steps=8)

    change = (stage.pixels - scene.pixels).abs()
    assert 1 < float(change.max()) <= REACH + 1e-3
    assert float((change * (scene.oval == 0)).max()) == 0
    assert bool((eyes[0].margins(stage.pixels) < eyes[0].margins(scene.pixels)).all())
    assert bool((faces_seen(stage.pixels, faces) < faces_seen(scene.pixels, faces)).all())
