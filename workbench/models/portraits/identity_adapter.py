"""Files that teach a denoiser to listen to a face: extra attention to face tokens, a projection that makes them, and
low-rank changes.

IP-Adapter-FaceID's layout, which ConsistentID and InstantID follow. The attention and the projection are diffusers' own
(`load_ip_adapter`); the low-rank changes are merged into the denoiser, so that no further package is needed. Strict
throughout.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.utils import logging
from torch import Tensor, nn

from workbench.errors import BadWeights
from workbench.models.files import checkpoint
from workbench.models.files.checkpoint import Weights
from workbench.models.portraits import lora

ROLES = ("q", "k", "v", "out")


def attach(pipeline: Any, projection: Weights, attention: Weights, name: str) -> nn.Module:
    """Put an adapter into a pipeline's denoiser and give back its projection, ready to be called with face vectors.

    projection, attention: the file's two groups (`image_proj` and `ip_adapter`). Raises BadWeights, naming the first
    weight that is missing, too many, or of another denoiser's shape.
    """
    unet = pipeline.unet
    changes = check_attention(unet, attention, name)
    check_projection(projection, name)
    checkpoint.sound(projection | attention, name)
    lora.merge(unet, changes, name)
    plain = {key: value.float() for key, value in attention.items() if "_lora." not in key}
    state = {"image_proj": {key: value.float() for key, value in projection.items()}, "ip_adapter": plain}
    try:
        with quiet():
            pipeline.load_ip_adapter(
                state, subfolder="", weight_name="", image_encoder_folder=None, low_cpu_mem_usage=False
            )
    except (RuntimeError, KeyError, ValueError, IndexError, ZeroDivisionError) as error:
        raise BadWeights(f"{name}: its projection does not fit this base model ({str(error)[:200]}).") from error
    unet.requires_grad_(False)
    pipeline.prepare_ip_adapter_image_embeds = _as_given
    projection_layer: nn.Module = unet.encoder_hid_proj.image_projection_layers[0]
    return projection_layer


def _as_given(image: None, embeds: list[Tensor], device: Any, count: int, guided: bool) -> list[Tensor]:
    """The vectors of a batch, a row for each picture. diffusers' own repeats all of them for each picture, so that
    every picture of a batch would listen to everybody in it."""
    return [rows.to(device) for rows in embeds]


def check_attention(unet: nn.Module, attention: Mapping[str, Tensor], name: str) -> list[lora.Change]:
    """The low-rank changes of an adapter, after every name and shape has been compared with what this denoiser needs.

    Names are numbers of attention layers in diffusers' order: `{i}.to_k_ip.weight` and `{i}.to_v_ip.weight` for those
    that listen to the text (odd), and either none or all of `{i}.to_{q,k,v,out}_lora.{down,up}.weight`.
    """
    layers = [key.removesuffix(".processor") for key in unet.attn_processors]
    wanted = {
        f"{i}.to_{role}_ip.weight": f"{layer}.to_{role}"
        for i, layer in enumerate(layers)
        if "attn2" in layer
        for role in "kv"
    }
    with_changes = any("_lora." in key for key in attention)
    low_rank = {
        f"{i}.to_{role}_lora.{half}.weight": layer
        for i, layer in enumerate(layers)
        for role in ROLES
        for half in ("down", "up")
    }
    expected = wanted | low_rank if with_changes else wanted
    wrong = [key for key in expected if key not in attention] + [key for key in attention if key not in expected]
    wrong = wrong or [
        key for key, layer in wanted.items() if attention[key].shape != unet.get_submodule(layer).weight.shape
    ]
    if wrong:
        raise BadWeights(
            f"{name}: {len(wrong)} of its attention weights are missing, unexpected or of another shape, first "
            f"{wrong[0]!r}. "
            "It belongs to another base model (SD 1.5 and SDXL differ), or it is another kind of adapter."
        )
    return (
        [_change(i, layer, role, attention) for i, layer in enumerate(layers) for role in ROLES] if with_changes else []
    )


def _change(place: int, layer: str, role: str, attention: Mapping[str, Tensor]) -> lora.Change:
    target = f"{layer}.to_out.0" if role == "out" else f"{layer}.to_{role}"
    stem = f"{place}.to_{role}_lora"
    return lora.Change(target, attention[f"{stem}.down.weight"], attention[f"{stem}.up.weight"])


PROJECTION = {"proj.0.weight", "proj.0.bias", "proj.2.weight", "proj.2.bias", "norm.weight", "norm.bias"}
"""FaceID's projection of a vector to tokens; its Plus kinds have a resampler besides."""

RESAMPLER_BLOCK = (
    "0.norm1.weight",
    "0.norm1.bias",
    "0.norm2.weight",
    "0.norm2.bias",
    "0.to_q.weight",
    "0.to_kv.weight",
    "0.to_out.weight",
    "1.0.weight",
    "1.0.bias",
    "1.1.weight",
    "1.3.weight",
)
RESAMPLER_ENDS = (
    "proj_in.weight",
    "proj_in.bias",
    "proj_out.weight",
    "proj_out.bias",
    "norm_out.weight",
    "norm_out.bias",
)


def check_projection(projection: Mapping[str, Tensor], name: str) -> None:
    """Raises BadWeights unless the names are those of FaceID, of FaceID Plus, or of the resampler InstantID has."""
    if "latents" in projection:
        expected = {"latents", *resampler(projection, "")}
    elif any(key.startswith("perceiver_resampler.") for key in projection):
        expected = PROJECTION | resampler(projection, "perceiver_resampler.")
    else:
        expected = PROJECTION
    wrong = sorted(expected ^ set(projection))
    if wrong:
        raise BadWeights(
            f"{name}: {len(wrong)} weights of its projection are missing or unexpected, first {wrong[0]!r}."
        )


def resampler(weights: Mapping[str, Tensor], prefix: str) -> set[str]:
    """All names of a resampler of as many blocks as the weights show."""
    start = f"{prefix}layers."
    blocks = 1 + max(
        (int(key.removeprefix(start).split(".")[0]) for key in weights if key.startswith(start)), default=-1
    )
    return {f"{prefix}{end}" for end in RESAMPLER_ENDS} | {
        f"{start}{i}.{part}" for i in range(blocks) for part in RESAMPLER_BLOCK
    }


@contextmanager
def quiet() -> Iterator[None]:
    """Without diffusers' advice about image encoders that are not needed here."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def both(vectors: Tensor, guided: bool) -> Tensor:
    """Vectors as `ip_adapter_image_embeds` wants them: (n, 1, d), or (2n, 1, d) with zeros for the unguided half
    first."""
    tokens = vectors[:, None]
    return torch.cat([torch.zeros_like(tokens), tokens]) if guided else tokens
