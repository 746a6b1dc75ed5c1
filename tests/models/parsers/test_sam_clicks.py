"""SAM 2.1 as a refiner by clicks answers as transformers' own pipeline does, and heeds a click as the network here
does."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.models.sam2 import Sam2Config, Sam2ImageProcessor, Sam2Model, Sam2Processor
from transformers.models.sam2.configuration_sam2 import (
    Sam2HieraDetConfig,
    Sam2MaskDecoderConfig,
    Sam2PromptEncoderConfig,
    Sam2VisionConfig,
)

from tests.golden.inputs import photo
from workbench import WEIGHTS
from workbench.catalog import find
from workbench.errors import BadWeights
from workbench.models.parsers import sam_clicks
from workbench.models.parsers.clicks import changed
from workbench.parts import INDEX
from workbench.tasks.clicks import refine

SIDE = 64


def _tiny() -> Sam2Model:
    """SAM 2's network with a few thousand weights, drawn from a seed."""
    torch.manual_seed(3)
    trunk = Sam2HieraDetConfig(
        hidden_size=8,
        image_size=[SIDE, SIDE],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 1, 1],
        window_size_per_stage=[4, 4, 4, 2],
        window_positional_embedding_background_size=[4, 4],
        global_attention_blocks=[3],
    )
    vision = Sam2VisionConfig(
        backbone_config=trunk,
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
        fpn_hidden_size=32,
    )
    prompts = Sam2PromptEncoderConfig(hidden_size=32, image_size=SIDE, mask_input_channels=8)
    decoder = Sam2MaskDecoderConfig(hidden_size=32, mlp_dim=32, num_attention_heads=2, iou_head_hidden_dim=32)
    network = Sam2Model(Sam2Config(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder))
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn(weight.shape) * 0.2)
    return network.eval()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sam2Model, dict[str, Path]]:
    """The network, and its files as the Hub has them: with weights that only videos need."""
    folder, network = tmp_path_factory.mktemp("sam"), _tiny()
    network.save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {"memory_attention.layers.0.norm.weight": torch.ones(4)}, folder / "model.safetensors")
    files = {"weights": folder / "model.safetensors", "config": folder / "config.json"}
    ours = {"parser": WEIGHTS / "compact_parser.safetensors", "matte": WEIGHTS / "selfie_segmentation.tflite"}
    return network, files | ours


@pytest.fixture(scope="module")
def model(published) -> sam_clicks.SamClicks:
    return sam_clicks.load(find("sam2.1-tiny"), published[1], "cpu")


@pytest.mark.parametrize("clicks", [[(20, 30, 1)], [(20, 30, 1), (50, 11, -1), (3, 60, 1)]])
def test_masks_equal_those_of_transformers_own_pipeline(published, model, clicks) -> None:
    picture = photo(3, SIDE, SIDE)
    pipeline = Sam2Processor(Sam2ImageProcessor(size={"height": SIDE, "width": SIDE}))
    points, labels = [[[list(c[:2]) for c in clicks]]], [[[int(c[2] > 0) for c in clicks]]]
    asked = pipeline(images=picture, input_points=points, input_labels=labels, return_tensors="pt")
    with torch.inference_mode():
        theirs = published[0](
            pixel_values=asked["pixel_values"],
            input_points=asked["input_points"],
            input_labels=asked["input_labels"],
            multimask_output=len(clicks) == 1,
        )
    best = int(theirs.iou_scores[0, 0].argmax())

    seen = model.grids(picture)
    ours = model.logits(seen, clicks, None)

    assert ours == pytest.approx(theirs.pred_masks[0, 0, best].numpy(), abs=1e-5)
    moved = [(click[0] + 9, click[1], click[2]) for click in clicks]
    assert np.abs(model.logits(seen, moved, None) - ours).max() > 1e-4, "a click matters"
    masked = model.logits(seen, clicks, np.full((SIDE // 4, SIDE // 4), 10.0, np.float32))
    assert np.abs(masked - ours).max() > 1e-4, "the mask so far matters"


def test_a_click_is_heeded_and_a_look_is_made_once(model, astronaut, astronaut_face) -> None:
    features = model.look(astronaut, astronaut_face)
    mask = np.zeros(astronaut.shape[:2], bool)
    mask[60:120, 200:260] = True

    labels, touched = refine(astronaut, model, features, "hair", mask, [(230, 90, -1)])

    new = np.where(touched, labels == INDEX["hair"], mask)
    assert not new[90, 230]
    far, _ = refine(astronaut, model, features, "hair", mask, [(5, 505, 1)])
    assert far[505, 5] == INDEX["hair"], "outside its square a click marks its own pixel"


def test_a_window_of_more_cells_than_the_own_networks_is_heeded_to_its_last_corner() -> None:
    """SAM's masks have 256 cells a side: only the first 128 of them once counted."""
    cells, frame = 256, np.array([[1.0, 0, 0], [0, 1, 0]])
    mask, chance = np.zeros((cells, cells), bool), np.zeros((cells, cells), np.float32)
    chance[200:240, 190:250] = 1

    new = changed(mask, mask, chance, frame, (220, 220, 1))

    assert new[202:238, 192:248].all()
    assert not new[:190].any()
    assert not new[:, :180].any()


def test_files_of_another_network_are_refused(published, tmp_path: Path) -> None:
    files, spec = published[1], find("sam2.1-tiny")
    other = tmp_path / "config.json"
    other.write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(BadWeights, match="expected a model of type sam2"):
        sam_clicks.load(spec, files | {"config": other}, "cpu")
    less = tmp_path / "model.safetensors"
    save_file({"mask_decoder.iou_token.weight": torch.ones(1, 32)}, less)
    with pytest.raises(BadWeights, match="describes a network of"):
        sam_clicks.load(spec, files | {"weights": less}, "cpu")
