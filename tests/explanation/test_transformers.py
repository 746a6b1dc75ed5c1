"""On the transformers library's own ViT: attention is found by structure, and equals what the library reports."""

import pytest
import torch

from tests.explanation import toys
from workbench.explanation.anatomy import anatomy, attention_blocks
from workbench.explanation.methods import find, methods_for, run
from workbench.explanation.question import Question
from workbench.explanation.rollout import _attentions, attention_rollout
from workbench.explanation.targets import class_score
from workbench.models.expressions.vit_expression import last_tokens

transformers = pytest.importorskip("transformers")


class Logits(torch.nn.Module):
    """The library's classifier as one module that takes pixels and gives logits."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        config = transformers.ViTConfig(
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=4,
            intermediate_size=48,
            image_size=32,
            patch_size=8,
            num_labels=2,
        )
        self.vit = transformers.ViTForImageClassification(config)
        with torch.no_grad():
            for parameter in self.vit.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))

    def forward(self, chips):
        return self.vit(pixel_values=chips / 127.5 - 1).logits


@pytest.fixture(scope="module")
def toy() -> toys.Toy:
    network = Logits()
    return toys.Toy(network, 32, ("yes", "no"), last_tokens(network))


def test_attention_is_what_the_library_reports(toy):
    chip = toys.chip(32)
    question = Question(class_score(toy, "yes"), chip, places="tokens")
    blocks = attention_blocks(toy.network)
    assert [block.heads for block in blocks] == [4, 4, 4]
    found = _attentions(question, blocks)
    toy.network.vit.set_attn_implementation("eager")
    reported = toy.network.vit(pixel_values=chip / 127.5 - 1, output_attentions=True).attentions
    for ours, theirs in zip(found, reported, strict=True):
        torch.testing.assert_close(ours, theirs[0], atol=1e-5, rtol=1e-4)


def test_a_transformer_gets_its_methods_and_no_layer_masking(toy):
    found = anatomy(toy)
    assert found.places == "tokens"
    assert {row.id for row in methods_for(found.abilities)} >= {
        "attention_rollout",
        "grad_cam",
        "grad_cam_plus_plus",
        "occlusion",
    }
    assert "layers" not in found.abilities


@pytest.mark.parametrize(
    "method",
    [
        "grad_cam",
        "grad_cam_plus_plus",
        "eigen_cam",
        "attention_rollout",
        "gradient_rollout",
        "layer_relevance",
        "excitation",
    ],
)
def test_token_maps_fill_the_chip(toy, method):
    """A map that keeps only what speaks for a class may be empty for one of two classes, not for both."""
    maps = [
        run(
            find(method),
            Question(class_score(toy, label, "logit"), toys.chip(32), places="tokens"),
            anatomy(toy).abilities,
            {},
        ).values
        for label in toy.labels
    ]
    assert all(heat.shape == (32, 32) for heat in maps)
    assert max(heat.max() for heat in maps) > 0


def test_rollout_shares_one_whole_between_class_token_and_patches(toy):
    question = Question(class_score(toy, "yes"), toys.chip(32), places="tokens")
    heat = attention_rollout(question).values
    assert 0 < heat.mean() * 16 < 1
