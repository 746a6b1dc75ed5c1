"""Editors that draw a photo anew as words say: FLUX.1 Kontext, FLUX.2 klein and Qwen-Image-Edit. For graphics cards.

They look at the photo and hear no face vector, so how like the person the pictures are is theirs to keep and ours to
measure. Sampling and networks are diffusers' and transformers' own; here files become a pipeline, strictly, and one
photo and one sentence become a sheet. Sources: Black Forest Labs, arXiv 2506.15742; Wu et al., "Qwen-Image Technical
Report", arXiv 2508.02324.
"""

import copy
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
import transformers
from PIL import Image
from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, BadWeights
from workbench.models.blocks import memory
from workbench.models.portraits import small_weights
from workbench.models.portraits.arc2face import HEADROOM
from workbench.models.portraits.diffusion_portrait import DiffusionPortrait
from workbench.portraits import Preview, Recipe
from workbench.values import Face, check_image
from workbench.watch import Watch

RECOGNISER = "sface"
"""Its vectors arrive with every request; an editor leaves them aside."""

SIDE = 1024
PROMPT = "A studio portrait of this person in front of a plain grey wall, soft light. Keep the face as it is."


@dataclass(frozen=True, slots=True)
class Family:
    """What a pipeline is made of: folders of networks (class by folder) and of readers of words and pixels.

    steps, guidance: default, least, most. large: folders whose weights the rows in 8 bits hold small. guided: the
    pipeline's name for guidance.
    """

    pipeline: str
    networks: Mapping[str, str]
    readers: Mapping[str, str]
    steps: tuple[int, int, int]
    guidance: tuple[float, float, float]
    large: tuple[str, ...]
    guided: str = "guidance_scale"


KONTEXT = Family(
    "FluxKontextPipeline",
    {
        "transformer": "FluxTransformer2DModel",
        "vae": "AutoencoderKL",
        "text_encoder": "CLIPTextModel",
        "text_encoder_2": "T5EncoderModel",
    },
    {"tokenizer": "CLIPTokenizer", "tokenizer_2": "T5TokenizerFast"},
    (28, 1, 100),
    (2.5, 1.0, 10.0),
    ("transformer", "text_encoder_2"),
)
KLEIN = Family(
    "Flux2KleinPipeline",
    {"transformer": "Flux2Transformer2DModel", "vae": "AutoencoderKLFlux2", "text_encoder": "Qwen3ForCausalLM"},
    {"tokenizer": "Qwen2TokenizerFast"},
    (4, 1, 50),
    (1.0, 1.0, 10.0),
    ("transformer", "text_encoder"),
)
QWEN = Family(
    "QwenImageEditPlusPipeline",
    {
        "transformer": "QwenImageTransformer2DModel",
        "vae": "AutoencoderKLQwenImage",
        "text_encoder": "Qwen2_5_VLForConditionalGeneration",
    },
    {"tokenizer": "Qwen2Tokenizer", "processor": "Qwen2VLProcessor"},
    (40, 1, 100),
    (4.0, 1.0, 10.0),
    ("transformer", "text_encoder"),
    guided="true_cfg_scale",
)


class PhotoEditor(DiffusionPortrait):
    """Draws from a photo (see `shown`) and a prompt alone."""

    length = 128

    def __init__(self, spec: ModelSpec, pipeline: Any, family: Family) -> None:
        self.family = family
        super().__init__(spec, pipeline, RECOGNISER, family.steps, family.guidance, SIDE)
        self.together = 1  # the pipelines take one photo at a time
        self._photo: Image.Image | None = None

    @property
    def denoiser(self) -> nn.Module:
        """The large network."""
        found: nn.Module = self.pipeline.transformer
        return found

    def shown(self, photo: np.ndarray, face: Face) -> "PhotoEditor":
        """The same model with this photo in view: its middle square."""
        other = copy.copy(self)
        height, width = check_image(photo).shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = Image.fromarray(np.ascontiguousarray(photo[top : top + side, left : left + side]))
        other._photo = square.resize((self.side, self.side), Image.Resampling.LANCZOS)
        return other

    def __call__(
        self, vectors: np.ndarray, recipe: Recipe, watch: Watch | None = None, preview: Preview | None = None
    ) -> list[np.ndarray]:
        """As every portrait model; the pictures are not shown while they are drawn, for their latents are packed."""
        return super().__call__(vectors, recipe, watch, None)

    def condition(self, vectors: Tensor, recipe: Recipe, guided: bool) -> dict[str, Any]:
        """The photo and the words. Raises BadRequest without a photo, or for a prompt past 2,000 characters."""
        if self._photo is None:
            raise BadRequest(f"{self.spec.title} needs to see a photo of the face. Give it a photo.")
        if len(recipe.prompt) > 2_000:
            raise BadRequest(f"The prompt has {len(recipe.prompt):,} characters; 2,000 are read. Shorten it.")
        given = {"image": self._photo, "prompt": recipe.scene.worded(recipe.prompt or PROMPT)}
        if self.family is KONTEXT:
            given["max_area"] = self.sized(recipe) ** 2
        if self.family is QWEN and guided:
            given["negative_prompt"] = recipe.scene.against("") or " "
        return given

    def strength(self, guidance: float) -> dict[str, Any]:
        """How the pipeline is told the guidance."""
        return {self.family.guided: guidance}


def load_kontext(spec: ModelSpec, files: Mapping[str, Path], device: str) -> PhotoEditor:
    """FLUX.1 Kontext. files: by their paths in the repository. Raises BadWeights, OutOfMemory."""
    return _load(KONTEXT, spec, files, device)


def load_klein(spec: ModelSpec, files: Mapping[str, Path], device: str) -> PhotoEditor:
    """FLUX.2 klein, likewise."""
    return _load(KLEIN, spec, files, device)


def load_qwen(spec: ModelSpec, files: Mapping[str, Path], device: str) -> PhotoEditor:
    """Qwen-Image-Edit, likewise."""
    return _load(QWEN, spec, files, device)


def _load(family: Family, spec: ModelSpec, files: Mapping[str, Path], device: str) -> PhotoEditor:
    small = small_weights.wanted(spec)
    turns = _take_turns(family, spec, files, device, small)
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    with memory.in_words(spec.title), laid_out(files) as folder:
        parts: dict[str, Any] = {name: _network(folder, name, kind, dtype) for name, kind in family.networks.items()}
        for name in family.large if small else ():
            small_weights.held(parts[name], dtype)
        parts |= {name: _reader(folder, name, kind) for name, kind in family.readers.items()}
        schedule = diffusers.FlowMatchEulerDiscreteScheduler
        parts["scheduler"] = _in_words(lambda: schedule.from_pretrained(folder / "scheduler"), "scheduler")
        pipeline = getattr(diffusers, family.pipeline)(**parts)
        if turns:
            pipeline.enable_model_cpu_offload(device=device)
        else:
            pipeline.to(device)
    return PhotoEditor(spec, pipeline, family)


def _take_turns(family: Family, spec: ModelSpec, files: Mapping[str, Path], device: str, small: bool) -> bool:
    """Whether the networks must take turns on a card that has no room for all. Raises OutOfMemory where even the
    largest has none."""
    sizes = []
    for name in family.networks:
        held = sum(path.stat().st_size for role, path in files.items() if role.startswith(f"{name}/"))
        sizes.append(held / 2 if small and name in family.large else held)
    if not device.startswith("cuda"):
        memory.require(HEADROOM * sum(sizes) * 2, spec.title, device)  # the files are in 16 bits
        return False
    free = memory.free_bytes(device)
    if free is None or HEADROOM * sum(sizes) <= free:
        return False
    memory.require(HEADROOM * max(sizes), spec.title, device)
    memory.require(HEADROOM * sum(sizes), spec.title)
    return True


@contextmanager
def laid_out(files: Mapping[str, Path]) -> Iterator[Path]:
    """A folder where every file lies at its place in the repository, as links."""
    with tempfile.TemporaryDirectory() as folder:
        for role, path in files.items():
            link = Path(folder) / role
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.absolute())
        yield Path(folder)


def _network(folder: Path, name: str, kind: str, dtype: torch.dtype) -> nn.Module:
    """A network, every weight used and none missing. Raises BadWeights."""
    here, ours = getattr(diffusers, kind, None) or getattr(transformers, kind), hasattr(diffusers, kind)
    type_of = {"torch_dtype" if ours else "dtype": dtype}

    def read() -> Any:
        return here.from_pretrained(
            folder / name, output_loading_info=True, local_files_only=True, use_safetensors=True, **type_of
        )

    network, told = _in_words(read, name)
    wrong = sorted(str(key) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") for key in told[kind])
    if wrong:
        raise BadWeights(
            f"{name}: {len(wrong)} weights are missing, unexpected or of another shape, first {wrong[0][:80]!r}. Fetch "
            "the model again."
        )
    found: nn.Module = network.eval().requires_grad_(False)
    return found


def _reader(folder: Path, name: str, kind: str) -> Any:
    return _in_words(lambda: getattr(transformers, kind).from_pretrained(folder / name, local_files_only=True), name)


def _in_words(read: Any, name: str) -> Any:
    try:
        return read()
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # a file may hold anything, and each library checks it with errors of its own
        raise BadWeights(
            f"{name}: these are not the model's files ({str(error)[:160]}). Fetch the model again."
        ) from error
