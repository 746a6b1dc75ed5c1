"""The baseline: sign steps on single pixels inside the face, scaled to a given likeness. Madry et al., arXiv
1706.06083."""

from collections.abc import Sequence

import torch
from torch import Tensor

from workbench.protection import visibility as looks
from workbench.protection.scene import Scene
from workbench.protection.search import aim
from workbench.protection.views import View
from workbench.watch import Watch

REACH = 10.0
"""Grey levels a pixel may move while the noise is sought; afterwards the whole is scaled."""


def pixel_noise(
    scene: Scene, surrogates: Sequence[View], alike: Tensor, steps: int = 20, seed: int = 0, watch: Watch | None = None
) -> Tensor:
    """(N, 3, S, S): the faces with noise that costs as much likeness (SSIM of brightness inside the face) as `alike`
    (N,) says."""
    watch = watch or Watch()
    made = torch.Generator().manual_seed(seed)
    noise = (torch.rand(scene.pixels.shape, generator=made) * 2 - 1) * REACH / 4
    for step in range(steps):
        watch.tell(step / steps, "pixel noise")
        moving = noise.clone().requires_grad_()
        loss = aim((scene.pixels + moving * scene.field).clamp(0, 255), surrogates, None).clamp_min(-2).mean(1).sum()
        (gradient,) = torch.autograd.grad(loss, moving)
        noise = (noise - 2.5 * REACH / steps * gradient.sign()).clamp(-REACH, REACH)
    return scaled_to(scene, noise * scene.field, alike)


def scaled_to(scene: Scene, change: Tensor, alike: Tensor, most: float = 6.0, rounds: int = 12) -> Tensor:
    """The faces plus as much of a change as brings the likeness down to `alike`, found by halving the interval."""
    low, high = torch.zeros(len(scene)), torch.full((len(scene),), most)
    with torch.no_grad():
        for _ in range(rounds):
            middle = (low + high) / 2
            now = (scene.pixels + change * middle[:, None, None, None]).clamp(0, 255)
            good = looks.ssim(scene.pixels, now, scene.face) >= alike
            low, high = torch.where(good, middle, low), torch.where(good, high, middle)
        return (scene.pixels + change * low[:, None, None, None]).clamp(0, 255)
