"""How long Arc2Face takes per step here, beside diffusers' own StableDiffusionPipeline of the same networks in the same
process.

    python benchmarks/hub_generation.py [--side 512] [--steps 2] [--runs 3] [--threads 2] [--small]
    python benchmarks/hub_generation.py --parity        (writes the section "parity" of the figures from the golden
    files)

Weights are random: speed does not depend on training. The full size needs 5 GB of memory and minutes; --small tries the
script on a few channels. A step's time is that between two calls of the pipeline's step callback, so that text encoder
and autoencoder are left out; "picture" is a whole picture with both. Goal: within 5 % of diffusers.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    LCMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from measure import report
from transformers import CLIPTextConfig, CLIPTextModel

from tests.golden.inputs import tensor
from tests.models.portraits import tiny_diffusion
from workbench.catalog import MODELS
from workbench.models.portraits.arc2face import Arc2Face
from workbench.models.portraits.diffusion_parts import tokenizer
from workbench.portraits import Recipe
from workbench.watch import Watch

WIDE = {
    "block_out_channels": [320, 640, 1280, 1280],
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
    "norm_num_groups": 32,
}
DEEP = {"block_out_channels": [128, 256, 512, 512], "norm_num_groups": 32}
LARGE_TEXT = {"intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}


def pipeline(side: int, small: bool) -> StableDiffusionPipeline:
    """Stable Diffusion 1.5's networks with random weights, or the tests' tiny ones."""
    torch.manual_seed(0)
    unet = tiny_diffusion.UNET | ({} if small else WIDE) | {"sample_size": side // 8}
    width = tiny_diffusion.WIDTH if small else 768
    text = CLIPTextConfig(
        **{k: v for k, v in tiny_diffusion.text_config(width, **({} if small else LARGE_TEXT)).items() if k[0] != "_"}
    )
    with tempfile.TemporaryDirectory() as folder:
        words = tiny_diffusion.write_words(Path(folder))
        spelling = tokenizer(words["vocabulary"], words["merges"])
    return StableDiffusionPipeline(
        unet=UNet2DConditionModel.from_config(unet).eval(),
        vae=AutoencoderKL.from_config(tiny_diffusion.VAE | ({} if small else DEEP)).eval(),
        text_encoder=CLIPTextModel(text).eval(),
        tokenizer=spelling,
        scheduler=DPMSolverMultistepScheduler.from_config(tiny_diffusion.SCHEDULER),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def ours(model: Arc2Face, steps: int, guidance: float) -> tuple[list[float], float]:
    """Seconds between steps, and of the whole picture, through this package."""
    ticks: list[float] = []
    start = time.perf_counter()
    model(
        tensor(1, (1, 512)),
        Recipe(seed=1, steps=steps, guidance=guidance),
        Watch(lambda share, word: ticks.append(_tick(word))),
    )
    return _gaps(ticks), time.perf_counter() - start


def theirs(model: Arc2Face, steps: int, guidance: float) -> tuple[list[float], float]:
    """The same picture as Arc2Face's demonstration draws it: its tokens, then diffusers' pipeline alone."""
    ticks: list[float] = []

    def tick(*given: Any) -> dict[str, Any]:
        ticks.append(time.perf_counter())
        return {}

    start = time.perf_counter()
    with torch.inference_mode():
        face = torch.nn.functional.normalize(torch.from_numpy(tensor(1, (1, 512))), dim=1)
        model.pipeline(
            prompt_embeds=model.tokens(face),
            negative_prompt_embeds=model.nobody(1) if guidance > 1 else None,
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=torch.Generator().manual_seed(1),
            height=model.side,
            width=model.side,
            callback_on_step_end=tick,
            output_type="np",
        )
    return _gaps(ticks), time.perf_counter() - start


def _tick(word: str) -> float:
    return time.perf_counter() if word.startswith("step ") else 0.0


def _gaps(ticks: list[float]) -> list[float]:
    return [float(gap) for gap in np.diff([tick for tick in ticks if tick])]


def measured(model: Arc2Face, name: str, steps: int, guidance: float, runs: int) -> dict[str, Any]:
    """Both in turn, the first of each not counted."""
    works: dict[str, Callable[..., tuple[list[float], float]]] = {"ours": ours, "diffusers": theirs}
    gaps: dict[str, list[float]] = {who: [] for who in works}
    whole: dict[str, list[float]] = {who: [] for who in works}
    for run in range(runs + 1):
        for who, work in works.items():
            found, seconds = work(model, steps, guidance)
            if run:
                gaps[who] += found
                whole[who].append(seconds)
    row: dict[str, Any] = {"path": name, "side": model.side, "steps": steps}
    for kind, times in (("step", gaps), ("picture", whole)):
        row |= {f"{who} {kind} ms": 1000 * statistics.median(times[who]) for who in works}
        row[f"ratio, {kind}"] = f"{statistics.median(times['ours']) / statistics.median(times['diffusers']):.3f}"
    return row


def parity() -> None:
    """Write how far ours lies from every golden into the figures, under the ids of the models it vouches for."""
    from tests.golden.hub_portraits import differences
    from workbench.sources import figures

    for ids, found in differences():
        apart = max(found.values())
        entry = {"headline": f"{apart:.1e} from the authors' code", "relative": apart, "cases": found}
        figures.update("parity", dict.fromkeys(ids, entry))
        print(f"{', '.join(ids):48} {apart:.1e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="a few channels: tries the script")
    parser.add_argument("--parity", action="store_true", help="measure the distance to the goldens instead of speed")
    arguments = parser.parse_args()
    if arguments.parity:
        parity()
        return
    if arguments.steps < 2:
        parser.error("expected 2 steps or more: a step's time is that between two")
    torch.set_num_threads(arguments.threads)
    networks = pipeline(arguments.side, arguments.small)
    model = Arc2Face(MODELS["arc2face"], networks, fast=False)
    rows = [measured(model, "DPM++, guidance 3", arguments.steps, 3.0, arguments.runs)]
    networks.scheduler = LCMScheduler.from_config(networks.scheduler.config)
    fast = Arc2Face(MODELS["arc2face-lcm"], networks, fast=True)
    rows.append(measured(fast, "LCM, no guidance", arguments.steps, 1.0, arguments.runs))
    report("hub_generation_small" if arguments.small else "hub_generation", rows)


if __name__ == "__main__":
    main()
