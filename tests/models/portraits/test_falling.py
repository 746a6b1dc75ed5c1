"""Long hair falls beside a face, and short hair stays as it is."""

import torch

from workbench.models.portraits import falling


def test_hair_like_a_tent_falls_and_short_hair_stays():
    tent, short = torch.full((3, 64, 64), -1.0), torch.full((3, 64, 64), -1.0)
    tent[1:, 10:] = 0.5
    short[1, 8:40, 22:42] = 0.2
    both = torch.stack([tent, short]).flatten(1)

    found = falling.outlines(both).reshape(2, 3, 64, 64)
    wide = (found[0, 1] > 0).sum(1)
    assert wide[60] < wide[36] < 64
    assert (found[0, 2, 61:, :3] > 0).all()  # the shoulders that are uncovered
    assert torch.equal(found[1] > 0, short > 0)
    lies = falling.flows(torch.stack([torch.zeros(64, 64), torch.ones(64, 64)])[None])[0]
    assert lies[0, 60, 8] < -0.9
    assert torch.equal(lies[:, 10], torch.stack([torch.zeros(64), torch.ones(64)]))
