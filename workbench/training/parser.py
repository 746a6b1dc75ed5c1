"""Trains the compact parser on aligned faces with masks, and measures both embedded parsers.

    python -m workbench.training.parser --data DIR --out DIR --minutes 150 [--until 04:35] [--resume]
    python -m workbench.training.parser --data DIR --out DIR --export FILE
    python -m workbench.training.parser --data DIR --evaluate compact mesh [--record]

DIR holds `images/*.jpg` (512 × 512, aligned) and `masks/*.png` (canonical indices). Seeded: pictures, their order and every
augmentation follow from --seed and the step reached; the time per step, and with it the learning rate, does not. A run that
was stopped goes on from its last checkpoint with --resume, and spreads what is left of its schedule over the time it is given.
Each core trains on its own half of a batch, and the gradients are averaged once a step: on two cores that is a fifth faster than
one process with two threads, and much less disturbed by neighbours.
"""

import argparse
import datetime
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, distributed, nn
from torch.multiprocessing import Value
from torch.utils.data import DataLoader, IterableDataset

from workbench import metrics_parts
from workbench.bench import Workbench
from workbench.models.compact_network import Network, prepare
from workbench.parts import PARTS
from workbench.training import parser_data, parser_export
from workbench.training.parser_augment import Augmenter
from workbench.training.parser_data import RARE, SIDE, Faces
from workbench.training.parser_loss import class_weights, coarse_loss, parts_loss

log = logging.getLogger("parser")

COARSE_WEIGHT = 0.3
WARM_UP = 300
CHECK_SECONDS = 400.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. batch: pictures per core and step. sides: (up to this share of the run, input side). power: of a part's
    frequency, in its weight."""

    batch: int = 4
    rate: float = 2e-3
    decay: float = 0.03
    average: float = 0.999
    power: float = -0.2
    sides: tuple[tuple[float, int], ...] = ((0.4, 256), (0.8, 320), (1.0, 352))
    seed: int = 0

    def side(self, share: float) -> int:
        """The input side at this share of the run."""
        return next((side for until, side in self.sides if share < until), self.sides[-1][1])

    def rate_at(self, share: float, step: int) -> float:
        """Cosine to zero over the run, after a short warm-up."""
        return self.rate * min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + float(np.cos(np.pi * min(share, 1.0))))


class Stream(IterableDataset[tuple[np.ndarray, np.ndarray]]):
    """Batches without end: ((n, side, side, 16) uint8, (n, side/2, side/2) uint8), rare pictures more often."""

    def __init__(self, faces: Faces, pool: np.ndarray, plan: Plan, side: "Synchronized[int]", start: tuple[int, int]) -> None:
        self._faces, self._pool, self._plan, self._side, self._start = faces, pool, plan, side, start

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        rng = np.random.default_rng([self._plan.seed, *self._start])
        augmenter = Augmenter(self._faces, self._pool)
        chances = repeat_chances(self._faces.areas[self._pool])
        while True:
            side = int(self._side.value)
            drawn = rng.choice(self._pool, self._plan.batch, p=chances)
            crops, labels = zip(*(augmenter.sample(int(index), side, rng) for index in drawn), strict=True)
            yield np.stack(crops), np.stack(labels)


def repeat_chances(areas: np.ndarray, threshold: float = 0.2, most: float = 2.0) -> np.ndarray:
    """(n,) chance of each picture: repeat-factor sampling (Gupta et al., LVIS, arXiv 1908.03195, section 3.3), capped."""
    share = (areas > 0).mean(axis=0)
    factor = np.clip(np.sqrt(threshold / np.maximum(share, 1e-6)), 1.0, most)
    repeats = np.where(areas > 0, factor, 1.0)[:, RARE].max(axis=1)
    chances: np.ndarray = repeats / repeats.sum()
    return chances


@dataclass(slots=True)
class Run:
    """What a checkpoint holds. share: how much of the schedule is done, 0 to 1."""

    network: Network
    average: Network
    coarse_head: nn.Conv2d
    optimiser: torch.optim.AdamW
    step: int = 0
    share: float = 0.0
    seconds: float = 0.0

    def parameters(self) -> list[nn.Parameter]:
        """Everything that learns."""
        return [*self.network.parameters(), *self.coarse_head.parameters()]

    def save(self, path: Path) -> None:
        """The checkpoint, replacing the last one in one move."""
        parts = {name: getattr(self, name).state_dict() for name in ("network", "average", "coarse_head", "optimiser")}
        partial = path.with_suffix(".partial")
        torch.save(parts | {"step": self.step, "share": self.share, "seconds": self.seconds}, partial)
        partial.replace(path)

    def restore(self, path: Path) -> None:
        """Goes on from a checkpoint."""
        state = torch.load(path, weights_only=True)
        for name in ("network", "average", "coarse_head", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.share, self.seconds = state["step"], state["share"], state["seconds"]


def new_run(plan: Plan) -> Run:
    """A run at its start. Norms and biases are not decayed."""
    torch.manual_seed(plan.seed)
    network = Network().to(memory_format=torch.channels_last)
    average = Network().to(memory_format=torch.channels_last)
    average.load_state_dict(network.state_dict())
    coarse_head = nn.Conv2d(64, len(PARTS), 1)
    parameters = [*network.parameters(), *coarse_head.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": plan.decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return Run(network, average.eval(), coarse_head, torch.optim.AdamW(groups, lr=plan.rate, fused=True))


def learn(run: Run, plan: Plan, crops: Tensor, labels: Tensor, weights: Tensor, share: float) -> float:
    """One step of all cores together; this core's loss. share: how far the first core's clock says the run is."""
    for group in run.optimiser.param_groups:
        group["lr"] = plan.rate_at(run.share, run.step)
    truth = labels.long()
    with torch.autocast("cpu", torch.bfloat16):
        fine, middle = run.network.features(prepare(crops))
        logits, coarse = run.network.head(fine), run.coarse_head(middle)
    loss = parts_loss(logits, truth, weights) + COARSE_WEIGHT * coarse_loss(coarse, truth, weights)
    run.optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    run.share = _agree(run, share)
    nn.utils.clip_grad_norm_(run.parameters(), 5.0)
    run.optimiser.step()
    run.step += 1
    return float(loss.detach())


def _agree(run: Run, share: float) -> float:
    """Averages the gradients over the cores; returns the first core's `share`, so that all stop at the same step."""
    gradients = [parameter.grad for parameter in run.parameters() if parameter.grad is not None]
    count, first = distributed.get_world_size(), distributed.get_rank() == 0
    flat = torch.cat([*(gradient.reshape(-1) for gradient in gradients), torch.tensor([share * count if first else 0.0])])
    distributed.all_reduce(flat)
    flat /= count
    pieces = flat[:-1].split([gradient.numel() for gradient in gradients])
    torch._foreach_copy_(gradients, [piece.view(gradient.shape) for piece, gradient in zip(pieces, gradients, strict=True)])
    return float(flat[-1])


@torch.no_grad()
def _follow(run: Run, plan: Plan) -> None:
    """Moves the averaged network towards the trained one: slowly, but faster at the start."""
    keep = min(plan.average, (1 + run.step) / (10 + run.step))
    slow, fast = run.average.state_dict(), run.network.state_dict()
    floats = [name for name, value in slow.items() if value.is_floating_point()]
    torch._foreach_lerp_([slow[name] for name in floats], [fast[name] for name in floats], 1 - keep)


@torch.no_grad()
def check(network: Network, faces: Faces, indices: np.ndarray, side: int, with_maps: bool = True) -> dict[str, Any]:
    """Pooled and per-picture figures at 256 px, single pass: cheap enough to repeat while training."""
    tally = metrics_parts.Tally()
    for index in indices:
        crop = whole_crop(faces, int(index), side, with_maps)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(prepare(torch.from_numpy(crop[None])))
        predicted = functional.interpolate(logits, (SIDE // 2, SIDE // 2), mode="bilinear", align_corners=False).argmax(1)[0]
        tally.add(faces.masks[index][::2, ::2], predicted.numpy().astype(np.uint8))
    return tally.figures()


def whole_crop(faces: Faces, index: int, side: int, with_maps: bool = True) -> np.ndarray:
    """(side, side, 16) uint8: a whole picture with its maps, nothing moved."""
    from workbench.models.mesh_regions import MAPS

    colours = cv2.resize(faces.images[index], (side, side), interpolation=cv2.INTER_AREA)
    maps = np.zeros((side, side, len(MAPS)), np.uint8)
    if with_maps:
        for group, stored in enumerate(faces.maps[index]):
            order = [MAPS.index(name) for name in parser_data.STORED[4 * group : 4 * group + 4]]
            maps[..., order] = cv2.resize(stored, (side, side), interpolation=cv2.INTER_LINEAR)
        maps[..., MAPS.index("mesh_here")] = 255 * faces.has_mesh(index)
    return np.concatenate([colours, maps], axis=2)


def train(rank: int, cores: int, faces: Faces, out: Path, plan: Plan, until: float, resume: bool) -> None:
    """Trains until the clock shows `until` (seconds since 1970), as one of several cores. The first one checks and saves."""
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    distributed.init_process_group("gloo", init_method=f"file://{out.resolve()}/meeting", rank=rank, world_size=cores)
    pool, held = parser_data.split(faces.stems, faces.areas)
    run = new_run(plan)
    if resume and (out / "checkpoint.pt").exists():
        run.restore(out / "checkpoint.pt")
    side = Value("i", plan.side(run.share), lock=False)
    stream = Stream(faces, pool, plan, side, (rank, run.step))
    loader = iter(DataLoader(stream, batch_size=None, num_workers=1, prefetch_factor=6))
    weights = class_weights(faces.areas[pool], plan.power)
    checked, losses, spent = time.time(), [], 0.0
    while run.share < 1:
        begun = time.time()
        ahead = run.share + (1 - run.share) * min(spent / max(until - begun, 1e-3), 1.0) if begun < until else 1.0
        crops, labels = next(loader)
        losses.append(learn(run, plan, crops, labels, weights, ahead))
        side.value = plan.side(run.share)
        if rank == 0:
            _follow(run, plan)
            if time.time() - checked > CHECK_SECONDS or run.share >= 1:
                _report(run, plan, faces, held, out, losses)
                checked, losses = time.time(), []
        spent = time.time() - begun
        run.seconds += spent
    distributed.destroy_process_group()


def _report(run: Run, plan: Plan, faces: Faces, held: np.ndarray, out: Path, losses: list[float]) -> None:
    run.save(out / "checkpoint.pt")
    side = plan.side(run.share)
    on, off = (check(run.average, faces, held, side, with_maps) for with_maps in (True, False))
    line = {
        "step": run.step,
        "share": run.share,
        "side": side,
        "minutes": run.seconds / 60,
        "loss": float(np.mean(losses or [0])),
        "pictures": len(losses) * plan.batch * distributed.get_world_size(),
        "maps": on,
        "no_maps": off,
    }
    with (out / "log.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    parts = " ".join(f"{value:.2f}" for value in on["f1"].values())
    log.info(
        "step %d share %.3f side %d loss %.3f pictures %d | F %.4f image %.4f | no maps %.4f %.4f | %s",
        run.step,
        run.share,
        side,
        line["loss"],
        line["pictures"],
        on["pooled_f1"],
        on["picture_f1"],
        off["pooled_f1"],
        off["picture_f1"],
        parts,
    )


def deadline(minutes: float, until: str) -> float:
    """Seconds since 1970 at which to stop: in so many minutes, or when the clock shows HH:MM, whichever comes first."""
    now = datetime.datetime.now()
    ends = [now + datetime.timedelta(minutes=minutes)]
    if until:
        hour, minute = (int(word) for word in until.split(":"))
        clock = now.replace(hour=hour, minute=minute, second=0)
        ends.append(clock if clock > now else clock + datetime.timedelta(days=1))
    return min(ends).timestamp()


def _evaluate(models: list[str], data: Path, record: bool) -> int:
    bench, found = Workbench.from_env(), {}
    for model in models:
        found[model] = parser_export.evaluate(bench, model, data)
        if record:
            parser_export.record(model, found[model])
    print(parser_export.table(found))
    return 0


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True, help="folder with images/ and masks/")
    options.add_argument("--out", type=Path, default=Path("build/parser"), help="folder for the prepared pictures, checkpoints and logs")
    options.add_argument("--minutes", type=float, default=150.0)
    options.add_argument("--until", default="", metavar="HH:MM", help="stop when the clock shows this, if that is sooner")
    options.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--cores", type=int, default=2)
    options.add_argument("--export", type=Path, metavar="FILE", help="write the last checkpoint's averaged network as safetensors")
    options.add_argument("--side", type=int, default=320, help="input side that the exported file asks for")
    options.add_argument("--prior", type=float, default=0.5, help="how much of the loss's class weights the exported file takes back")
    options.add_argument("--evaluate", nargs="+", metavar="MODEL", help="measure parsers of the catalogue on the validation pictures")
    options.add_argument("--record", action="store_true", help="write what --evaluate finds to weights/figures.json")
    given = options.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if given.evaluate:
        return _evaluate(given.evaluate, given.data, given.record)
    given.out.mkdir(parents=True, exist_ok=True)
    faces = parser_data.open_faces(given.data, given.out / "pictures", *parser_data.built_in_models())
    if given.export:
        weights = class_weights(faces.areas[parser_data.split(faces.stems, faces.areas)[0]], Plan().power)
        parser_export.export(
            parser_export.from_checkpoint(given.out / "checkpoint.pt"), -given.prior * torch.log(weights), given.side, given.export
        )
        return 0
    (given.out / "meeting").unlink(missing_ok=True)
    arguments = (given.cores, faces, given.out, Plan(seed=given.seed), deadline(given.minutes, given.until), given.resume)
    torch.multiprocessing.start_processes(train, arguments, given.cores, start_method="fork")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
