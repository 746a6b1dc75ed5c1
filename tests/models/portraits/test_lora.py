"""Low-rank changes are added where they belong, in every spelling files use."""

import pytest
import torch
from torch import nn

from workbench.errors import BadWeights
from workbench.models.portraits import lora


class _Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mid = nn.ModuleDict({"to_q": nn.Linear(4, 6), "to_out": nn.ModuleList([nn.Linear(6, 4)])})
        self.conv = nn.Conv2d(3, 5, 3)


DOWN, UP = torch.arange(8.0).reshape(2, 4), torch.arange(12.0).reshape(6, 2) / 10


@pytest.mark.parametrize(
    ("down", "up"),
    [
        ("lora_unet_mid_to_q.lora_down.weight", "lora_unet_mid_to_q.lora_up.weight"),
        ("unet.mid.to_q.lora_A.weight", "unet.mid.to_q.lora_B.weight"),
        ("unet.mid.to_q.lora.down.weight", "unet.mid.to_q.lora.up.weight"),
        ("unet.mid.processor.to_q_lora.down.weight", "unet.mid.processor.to_q_lora.up.weight"),
    ],
)
def test_a_change_is_added_whatever_it_is_called(down: str, up: str) -> None:
    network = _Network()
    before = network.mid["to_q"].weight.detach().clone()
    lora.merge(network, lora.changes({down: DOWN, up: UP}, network, "file"), "file", 0.5)

    assert torch.allclose(network.mid["to_q"].weight, before + 0.5 * UP @ DOWN)


def test_the_last_layer_of_an_attention_is_found_without_its_number() -> None:
    network = _Network()
    change = {
        "unet.mid.processor.to_out_lora.down.weight": torch.ones(1, 6),
        "unet.mid.processor.to_out_lora.up.weight": torch.ones(4, 1),
    }

    assert [found.layer for found in lora.changes(change, network, "file")] == ["mid.to_out.0"]


def test_alpha_scales_by_the_rank_and_convolutions_keep_their_kernel() -> None:
    network = _Network()
    before = network.conv.weight.detach().clone()
    down, up = torch.randn(2, 3, 3, 3), torch.randn(5, 2, 1, 1)
    named = {
        "lora_unet_conv.lora_down.weight": down,
        "lora_unet_conv.lora_up.weight": up,
        "lora_unet_conv.alpha": torch.tensor(8.0),
    }
    lora.merge(network, lora.changes(named, network, "file"), "file")
    added = torch.einsum("or,rikl->oikl", up[:, :, 0, 0], down) * 4

    assert torch.allclose(network.conv.weight, before + added, atol=1e-5)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"lora_unet_nowhere.lora_down.weight": DOWN}, "changes no layer"),
        ({"lora_te_text_model_x.lora_down.weight": DOWN}, "changes no layer"),
        ({"unet.mid.to_q.lora_A.weight": DOWN}, "lacks its other half"),
        (
            {"unet.mid.to_q.lora_A.weight": DOWN[:, :3], "unet.mid.to_q.lora_B.weight": UP},
            r"expected a change of shape \(6, 4\)",
        ),
    ],
)
def test_a_change_that_does_not_belong_is_refused(weights: dict[str, torch.Tensor], words: str) -> None:
    network = _Network()
    with pytest.raises(BadWeights, match=words):
        lora.merge(network, lora.changes(weights, network, "file"), "file")
