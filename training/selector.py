"""Trains a selector and a detector beside each expression scorer that is here without a network (COMET).

    python -m training.selector MORE MASKED --work FOLDER --scorer fer [--steps 6000] [--out FILE]
    python -m training.selector MORE MASKED --work FOLDER --scorer fer --check

MORE holds images/ and labels.csv of press photos (`training/expression_data.py`; the labels are not read, only whose
face it is), MASKED holds images/ of colour portraits. Nothing is labelled: what is learnt is the scorer's own answer.
Faces are cut out once and kept in FOLDER; training goes on from the last checkpoint there. Seeded: the faces and
changes of a step follow from the seed and the step's number alone.

The scorer stays as it is. The selector looks for a mask m so that the face seen through it, blurred elsewhere, gets the
scorer's answer; the detector, which starts as a copy of the scorer, learns to find that answer in what m leaves.

Source: Zhang et al., "Comprehensive Attribution" (ECCV 2024), section 3, with the weights of the authors' settings;
their predictor is trained along, ours is the scorer that is asked about.
"""

import argparse
import logging
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from training.expression_data import read_labels, split
from workbench import images
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.explanation.fills import blurred
from workbench.explanation.targets import copy_of
from workbench.models.blocks.chips import ExpressionModel
from workbench.models.expressions.selector import Selector
from workbench.settings import Settings
from workbench.tasks.detection import find_faces

log = logging.getLogger("selector")

SCORERS = ("compact-expression", "fer", "face-api-expression")
HELD = 64
"""Colour portraits that are only measured, the last by name; of the press photos, the validation people are."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. kept, gap, area: weights of the three terms of the selector's loss. margin: by how much harder, in
    nats, the answer must be to find in what is left. share: of the chip that may be selected for nothing.

    power: of an answer's frequency, in how often its faces are drawn.
    """

    kept: float = 1.0
    gap: float = 4.0
    area: float = 100.0
    margin: float = 1.0
    share: float = 0.2
    power: float = 0.7
    batch: int = 16
    rate: float = 1e-3
    detector_rate: float = 2e-4
    seed: int = 0


def selector_loss(kept: Tensor, left: Tensor, masks: Tensor, plan: Plan) -> Tensor:
    """What the selector makes least: cross entropy of what it keeps; how little harder what is left is; the area past
    the free share.

    kept, left: cross entropies (N,) of the scorer on what is kept and of the detector on what is left. masks: (N, S, S)
    in 0..1.
    """
    gap = (kept.mean() - left.mean() + plan.margin).clamp(min=0)
    beyond = (masks.mean((1, 2)) - plan.share).clamp(min=0).mean()
    return plan.kept * kept.mean() + plan.gap * gap + plan.area * beyond


def detector_loss(logits: Tensor, answers: Tensor) -> Tensor:
    """What the detector makes least: cross entropy of the scorer's answers, read in what the selector left. (N, K),
    (N,)."""
    return functional.cross_entropy(logits, answers)


def covered(chips: Tensor) -> Tensor:
    """The chips without detail, (N, 3, S, S): as the fill "blur", worked out at a quarter of the resolution."""
    small = functional.avg_pool2d(chips, 4)
    coarse = blurred(small, chips.shape[-1] / 32)
    return functional.interpolate(coarse, chips.shape[2:], mode="bilinear", align_corners=False)


def changed(chips: Tensor, random: torch.Generator) -> Tensor:
    """The chips, half of them mirrored, each a little turned, shifted, lighter or darker."""
    n = len(chips)
    side = torch.where(torch.rand(n, generator=random) < 0.5, -1.0, 1.0)
    angle, scale = 0.08 * torch.randn(n, generator=random), torch.exp(0.04 * torch.randn(n, generator=random))
    shift = 0.03 * torch.randn(n, 2, generator=random)
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = [torch.stack([cosine * side, -sine, shift[:, 0]], 1), torch.stack([sine * side, cosine, shift[:, 1]], 1)]
    places = functional.affine_grid(torch.stack(rows, 1), list(chips.shape), align_corners=False)
    moved = functional.grid_sample(chips, places, padding_mode="border", align_corners=False)
    gain = torch.exp(0.15 * torch.randn(n, 1, 1, 1, generator=random))
    return ((moved - 127.5) * gain + 127.5 + 12 * torch.randn(n, 1, 1, 1, generator=random)).clamp(0, 255)


@dataclass(eq=False)
class Course:
    """Everything a checkpoint keeps."""

    selector: Selector
    detector: Any
    optimisers: tuple[torch.optim.Optimizer, torch.optim.Optimizer]
    step: int = 0

    def save(self, path: Path) -> None:
        """Written beside, then moved into place."""
        state = {"selector": self.selector.state_dict(), "detector": self.detector.network.state_dict()}
        state |= {f"optimiser_{i}": each.state_dict() for i, each in enumerate(self.optimisers)}
        torch.save(state | {"step": self.step}, path.with_suffix(".partial"))
        path.with_suffix(".partial").replace(path)

    def resume(self, path: Path) -> None:
        """Goes on where `save` was."""
        state = torch.load(path, weights_only=True)
        self.selector.load_state_dict(state["selector"])
        self.detector.network.load_state_dict(state["detector"])
        for i, each in enumerate(self.optimisers):
            each.load_state_dict(state[f"optimiser_{i}"])
        self.step = int(state["step"])


def begin(model: Any, plan: Plan) -> Course:
    """A fresh selector, and a detector that is the scorer so far."""
    torch.manual_seed(plan.seed)
    selector, detector = Selector(len(model.labels)), copy_of(model)
    detector.network.to(memory_format=torch.contiguous_format).requires_grad_(True)
    optimisers = (
        torch.optim.AdamW(selector.parameters(), plan.rate, weight_decay=0.01),
        torch.optim.AdamW(detector.network.parameters(), plan.detector_rate, weight_decay=0.0),
    )
    return Course(selector, detector, optimisers)


def fast(model: Any) -> Any:
    """A copy of the scorer whose weights lie channels last, which is faster. Not for the detector: gradients of
    depthwise weights that lie so end the program (torch 2.14)."""
    twin = copy_of(model)
    twin.network = twin.network.to(memory_format=torch.channels_last)
    return twin


def one_step(model: Any, course: Course, chips: Tensor, plan: Plan) -> tuple[float, float]:
    """The selector's and the detector's loss on a batch, and one step down for each."""
    with torch.inference_mode():
        answers = model.forward(chips).argmax(1)
    answers, rest = answers.clone(), covered(chips)
    masks = course.selector.train()(chips)[torch.arange(len(chips)), answers]
    shown = torch.lerp(rest, chips, masks[:, None])
    hidden = torch.lerp(chips, rest, masks[:, None])
    kept = functional.cross_entropy(model.forward(shown), answers, reduction="none")
    logits = course.detector.forward(hidden)
    left = functional.cross_entropy(logits, answers, reduction="none")
    losses = (selector_loss(kept, left, masks, plan), detector_loss(logits, answers))
    for loss, network, optimiser, last in zip(
        losses, (course.selector, course.detector.network), course.optimisers, (False, True), strict=True
    ):
        weights = [weight for weight in network.parameters() if weight.requires_grad]
        found = torch.autograd.grad(loss, weights, retain_graph=not last, allow_unused=True)
        for weight, gradient in zip(weights, found, strict=True):
            weight.grad = gradient
        torch.nn.utils.clip_grad_norm_(weights, 5.0)
        optimiser.step()
    course.step += 1
    return float(losses[0].detach()), float(losses[1].detach())


def train(model: Any, course: Course, chips: np.ndarray, steps: int, kept: Path, plan: Plan) -> None:
    """On to step `steps`, with a checkpoint every 50. chips: (n, S, S, 3) uint8."""
    answers = model.batch(chips).argmax(1)
    counts = np.bincount(answers, minlength=len(model.labels))
    chance = counts[answers] ** -plan.power
    chance = chance / chance.sum()
    losses: list[tuple[float, float]] = []
    while course.step < steps:
        seed = [plan.seed, course.step]
        drawn = np.random.default_rng(seed).choice(len(chips), plan.batch, p=chance)
        random = torch.Generator().manual_seed(plan.seed * 1_000_003 + course.step)
        for optimiser, rate in zip(course.optimisers, (plan.rate, plan.detector_rate), strict=True):
            for group in optimiser.param_groups:
                group["lr"] = (
                    rate * min(1, (course.step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * course.step / steps))
                )
        losses.append(one_step(model, course, changed(model.tensor(chips[drawn]), random), plan))
        if course.step % 50 == 0 or course.step == steps:
            course.save(kept)
            log.info("step %d, losses %s", course.step, np.round(np.mean(losses, 0), 3).tolist())
            losses = []


@torch.inference_mode()
def check(model: Any, course: Course, chips: np.ndarray) -> dict[str, float]:
    """Of held faces: how often the answer stays on what is kept and on what is left, how often the detector still finds
    it there, and the mean share of the chip that is kept."""
    sums = np.zeros(5)
    for at in range(0, len(chips), 32):
        seen = model.tensor(chips[at : at + 32])
        answers, rest = model.forward(seen).argmax(1), covered(seen)
        masks = course.selector.eval()(seen)[torch.arange(len(seen)), answers][:, None]
        hidden = torch.lerp(seen, rest, masks)
        found = [model.forward(torch.lerp(rest, seen, masks)), model.forward(hidden), course.detector.forward(hidden)]
        right = [float((each.argmax(1) == answers).sum()) for each in found]
        sums += [*right, float(masks.mean((1, 2, 3)).sum()), float((model.forward(rest).argmax(1) == answers).sum())]
    names = ("answer_from_kept", "answer_from_left", "detector_from_left", "share_kept", "answer_from_blur")
    return dict(zip(names, (sums / len(chips)).round(4).tolist(), strict=True))


def faces(more: Path, masked: Path, folder: Path, bench: Workbench, scorer: str) -> tuple[np.ndarray, np.ndarray]:
    """A scorer's chips (n, S, S, 3) uint8, and which are held (n,) bool; those of all are cut out once and kept in
    `folder`."""
    kept = folder / "chips.npz"
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(kept, **_cut(more, masked, bench))
    with np.load(kept, allow_pickle=False) as stored:
        return stored[scorer], stored["held"]


def _cut(more: Path, masked: Path, bench: Workbench) -> dict[str, Any]:
    labels = read_labels(more / "labels.csv")
    parts = split(labels)
    photos = [(more / "images" / file, parts[labels[file][1]]) for file in sorted(labels)]
    colour = sorted((masked / "images").glob("*.jpg"))
    photos += [(path, "validation" if path in colour[-HELD:] else "train") for path in colour]
    models = {name: bench.model(name) for name in SCORERS}
    found: dict[str, list[Any]] = {name: [] for name in (*SCORERS, "held")}
    for path, part in tqdm(photos, desc="faces", unit="photo"):
        if part == "test":
            continue
        photo = images.decode(path, bench.settings)
        face = next((each for each in find_faces(photo, bench.model("blazeface")) if each.mesh is not None), None)
        if face is None:
            continue
        for name, model in models.items():
            found[name].append(model.crop(photo, face))
        found["held"].append(part == "validation")
    return {name: np.stack(each) for name, each in found.items()}


def export(course: Course, model: ExpressionModel, path: Path) -> None:
    """Writes the selector with 16 bits (running statistics with 32), its scorer and the order of labels in the head."""
    tensors = {
        name: (value.float() if "running" in name else value.half()).contiguous()
        for name, value in course.selector.state_dict().items()
        if value.is_floating_point()
    }
    about = {"scorer": model.spec.id, "labels": " ".join(model.labels), "steps": str(course.step)}
    save_file(tensors, path, metadata=about)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("more", type=Path, help="folder of press photos: images/ and labels.csv")
    parser.add_argument("masked", type=Path, help="folder of colour portraits: images/")
    parser.add_argument("--work", type=Path, required=True, help="folder for chips and checkpoints")
    parser.add_argument("--scorer", choices=SCORERS, required=True)
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--out", type=Path, help="where to write the selector (default: in FOLDER)")
    parser.add_argument("--check", action="store_true", help="only measure the last checkpoint on held faces")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    bench = Workbench(Settings.from_env(os.environ))
    own, held = faces(given.more, given.masked, given.work, bench, given.scorer)
    model, kept = bench.model(given.scorer), given.work / f"{given.scorer}.pt"
    course = begin(model, Plan())
    model = fast(model)
    if kept.is_file():
        course.resume(kept)
    elif given.check:
        raise BadRequest(f"There is no checkpoint {kept}; train first.")
    if not given.check:
        train(model, course, own[~held], given.steps, kept, Plan())
        export(course, model, given.out or given.work / f"{given.scorer}.safetensors")
    print(check(model, course, own[held]))


if __name__ == "__main__":
    main()
