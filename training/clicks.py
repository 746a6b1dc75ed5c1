"""Trains the network behind clicks on aligned faces with masks, and counts how many clicks a part needs.

    python -m training.clicks --data DIR --out DIR --minutes 60 [--until 04:00] [--resume]
    python -m training.clicks --out DIR --export FILE
    python -m training.clicks --data DIR --evaluate [--record]

Seeded as `training.parser` is, and resumable from the last checkpoint. The compact parser is not trained along: its
features are what the click network reads, so that they are computed once per photo.
"""

import argparse
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from training import parser_data
from training.clicks_draw import faulty, next_click, parts_of, window
from training.parser import deadline
from training.parser_augment import Augmenter
from training.parser_check import whole_crop
from training.parser_data import SIDE, Faces
from training.parser_loss import IGNORE
from workbench import WEIGHTS
from workbench.images import compose, stretch
from workbench.models.files import checkpoint
from workbench.models.parsers.click_network import DOTS, FLOODED, MASK, ClickNetwork, marks, windows
from workbench.models.parsers.click_network import SIDE as CELLS
from workbench.models.parsers.clicks import window_input
from workbench.models.parsers.compact_network import Network, fused, prepare
from workbench.models.parsers.compact_torch import PRIOR
from workbench.models.parsers.flooding import grown

log = logging.getLogger("clicks")

Click = tuple[int, int, int]

PICTURES, PARTS_EACH, LOOK = 2, 10, 320
CHECK_SECONDS = 300.0


class Stream(IterableDataset[tuple[np.ndarray, ...]]):
    """Batches of pictures without end: crops for the parser, colours and labels at 512 px."""

    def __init__(self, faces: Faces, pool: np.ndarray, seed: int, start: int) -> None:
        self._faces, self._pool, self._seed, self._start = faces, pool, seed, start

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        rng = np.random.default_rng([self._seed, self._start])
        augmenter = Augmenter(self._faces, self._pool)
        while True:
            drawn = rng.choice(self._pool, PICTURES)
            yield tuple(
                np.stack(part) for part in zip(*(augmenter.fine(int(i), LOOK, rng) for i in drawn), strict=True)
            )


def parser() -> tuple[Network, Tensor]:
    """The compact parser's network as it ships, for inference, and its prior."""
    weights = checkpoint.read(WEIGHTS / "compact_parser.safetensors")
    prior = weights.pop(PRIOR).float()
    network = Network()
    network.load_state_dict(weights, strict=False)
    return fused(network).to(torch.bfloat16, memory_format=torch.channels_last), prior


@torch.inference_mode()
def seen(network: Network, prior: Tensor, crops: Tensor) -> tuple[Tensor, Tensor]:
    """The parser's finest grid (n, 32, s/2, s/2) and its probabilities (n, 19, s/2, s/2), float32."""
    grid = network.features(prepare(crops))[0]
    return grid.float(), (network.head(grid).float() + prior[:, None, None]).softmax(1)


def lessons(
    grid: Tensor, likely: Tensor, colours: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[Tensor, ...] | None:
    """The inputs without clicks (`window_input`), the truth and what counts (n, 128, 128) for parts of one picture."""
    found = functional.interpolate(likely[None], (SIDE // 2, SIDE // 2), mode="bilinear", align_corners=False)[0]
    found = found.argmax(0).numpy().repeat(2, axis=0).repeat(2, axis=1)
    parts = parts_of(labels, PARTS_EACH, rng)
    if not len(parts):
        return None
    masks = [faulty(labels == part, found == part, rng) for part in parts]
    frames = [window((labels == part) | mask, CELLS, rng) for part, mask in zip(parts, masks, strict=True)]
    cells = [compose(stretch((SIDE, SIDE), LOOK // 2), frame) for frame in frames]
    own, features = window_input(colours, grid, likely, parts, np.stack(masks), np.stack(frames), np.stack(cells))
    matrices = torch.from_numpy(np.stack(frames))
    truth = windows(torch.from_numpy(labels)[None].float() + 1, matrices, mode="nearest", beyond="zeros")[:, 0] - 1
    wanted = (truth == torch.from_numpy(parts)[:, None, None]).float()
    return own, features, wanted, ((truth != IGNORE) & (truth >= 0)).float()


def with_clicks(own: Tensor, clicks: list[list[Click]], current: np.ndarray) -> Tensor:
    """The window's own channels with these clicks, another mask (n, 128, 128) bool, and what flooding makes of it."""
    most = max((len(each) for each in clicks), default=0)
    empty = [(0, 0, 0)]
    padded = torch.tensor([each + empty * (most - len(each)) for each in clicks]).reshape(len(clicks), most, 3)
    colours = (own[:, :3] * 64 + 118).clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    flooded = [
        grown(np.ascontiguousarray(rgb), mask, each) if each else mask
        for rgb, mask, each in zip(colours, current, clicks, strict=True)
    ]
    out = own.clone()
    out[:, DOTS : DOTS + 4] = marks(padded.float())
    out[:, MASK] = torch.from_numpy(current).float()
    out[:, FLOODED] = torch.from_numpy(np.stack(flooded)).float()
    return out


def loss_of(logits: Tensor, truth: Tensor, known: Tensor, start: Tensor) -> Tensor:
    """Cross entropy with more weight at the truth's edge and where the flooded mask is wrong, and one minus soft IoU,
    over the cells that count."""
    edge = functional.max_pool2d(truth[:, None], 5, 1, 2) + functional.max_pool2d(-truth[:, None], 5, 1, 2)
    weight = known * (1 + 2 * edge[:, 0] + 2 * (start != truth))
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, weight, reduction="sum") / weight.sum()
    chance = logits.sigmoid() * known
    shared = (chance * truth).sum((1, 2))
    union = (chance + truth * known - chance * truth).sum((1, 2))
    return entropy + (1 - (shared + 1) / (union + 1)).mean()


def clicked(network: ClickNetwork, own: Tensor, features: Tensor, truth: Tensor, rng: np.random.Generator) -> Tensor:
    """The window's own channels after one to three simulated clicks, each on a fault of what the network made of those
    before."""
    clicks: list[list[Click]] = [[] for _ in own]
    wanted, current = truth.numpy() > 0.5, own[:, MASK].numpy() > 0.5
    rounds = int(rng.choice([1, 2, 3], p=[0.55, 0.3, 0.15]))
    for number in range(rounds):
        add_clicks(clicks, current, wanted, rng)
        if number < rounds - 1:
            current = answered(network, with_clicks(own, clicks, current), features)
    return with_clicks(own, clicks, current)


def add_clicks(
    clicks: list[list[Click]], current: np.ndarray, wanted: np.ndarray, rng: np.random.Generator | None = None
) -> None:
    """One more click for every window whose mask has a fault."""
    for each, have, want in zip(clicks, current, wanted, strict=True):
        if click := next_click(have, want, rng):
            each.append((int(click[0]), int(click[1]), int(click[2])))


@torch.no_grad()
def answered(network: ClickNetwork, own: Tensor, features: Tensor) -> np.ndarray:
    """(n, 128, 128) bool: what the network makes of the clicks."""
    with torch.autocast("cpu", torch.bfloat16):
        return (network(_last(own), _last(features))[:, 0].float() > 0).numpy()


def train(faces: Faces, out: Path, seed: int, until: float, rate: float, resume: bool) -> None:
    """Trains until the clock shows `until` (seconds since 1970)."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network, average = ClickNetwork(), ClickNetwork()
    average.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.02, fused=True)
    step, share = 0, 0.0
    if resume and (out / "clicks.pt").exists():
        state = torch.load(out / "clicks.pt", weights_only=True)
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        step, share = state["step"], state["share"]
    trunk, prior = parser()
    pool, held = parser_data.split(faces.stems, faces.areas)
    loader = iter(DataLoader(Stream(faces, pool, seed, step), batch_size=None, num_workers=1, prefetch_factor=3))
    rng, checked, losses = np.random.default_rng([seed, step, 1]), time.time(), []
    begun, first = time.time(), share
    while share < 1:
        crops, colours, labels = next(loader)
        grid, likely = seen(trunk, prior, crops)
        parts = [lessons(*each, rng) for each in zip(grid, likely, colours.numpy(), labels.numpy(), strict=True)]
        x, features, truth, known = (torch.cat(each) for each in zip(*(part for part in parts if part), strict=True))
        network.eval()
        x = clicked(network, x, features, truth, rng)
        network.train()
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 200) * 0.5 * (1 + float(np.cos(np.pi * share)))
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(_last(x), _last(features))[:, 0]
        loss = loss_of(logits.float(), truth, known, x[:, FLOODED])
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        step += 1
        _follow(average, network, min(0.99, (1 + step) / (10 + step)))
        losses.append(float(loss.detach()))
        share = first + (1 - first) * min((time.time() - begun) / max(until - begun, 1.0), 1.0)
        if time.time() - checked > CHECK_SECONDS or share >= 1:
            _save(out, network, average, optimiser, step, share)
            figures = quick_check(average.eval(), trunk, prior, faces, held[::4])
            log.info("step %d share %.3f loss %.4f %s", step, share, np.mean(losses), json.dumps(figures))
            checked, losses = time.time(), []


def _last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _follow(slow: nn.Module, fast: nn.Module, keep: float) -> None:
    ours, theirs = slow.state_dict(), fast.state_dict()
    for name, value in ours.items():
        if value.is_floating_point():
            value.lerp_(theirs[name], 1 - keep)


def _save(out: Path, network: nn.Module, average: nn.Module, optimiser: Any, step: int, share: float) -> None:
    state = {"network": network.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save(state | {"step": step, "share": share}, out / "clicks.partial")
    (out / "clicks.partial").replace(out / "clicks.pt")


@torch.no_grad()
def quick_check(
    network: ClickNetwork, trunk: Network, prior: Tensor, faces: Faces, held: np.ndarray
) -> dict[str, float]:
    """Mean IoU in the window before, and after one, two and three clicks, over all parts of some held pictures."""
    rng, sums, count = np.random.default_rng(0), np.zeros(4), 0
    for index in held:
        labels, colours = np.array(faces.righted(int(index))), np.array(faces.images[index])
        grid, likely = seen(trunk, prior, torch.from_numpy(whole_crop(faces, int(index), LOOK)[None]))
        lesson = lessons(grid[0], likely[0], colours, labels, rng)
        if lesson is None:
            continue
        x, features, truth, _ = lesson
        current, wanted = x[:, MASK].numpy() > 0.5, truth.numpy() > 0.5
        clicks: list[list[Click]] = [[] for _ in x]
        for number in range(4):
            union = np.maximum((current | wanted).sum((1, 2)), 1)
            sums[number] += float(((current & wanted).sum((1, 2)) / union).sum())
            add_clicks(clicks, current, wanted)
            current = answered(network, with_clicks(x, clicks, current), features)
        count += len(x)
    return {f"iou_{number}": round(float(value), 4) for number, value in enumerate(sums / max(count, 1))}


def export(checkpoint_file: Path, path: Path) -> None:
    """Writes the averaged network as safetensors, 16 bits but for the running statistics."""
    state = torch.load(checkpoint_file, map_location="cpu", weights_only=True)["average"]
    tensors = {
        name: value.float().contiguous()
        if name.endswith(("running_mean", "running_var"))
        else value.half().contiguous()
        for name, value in state.items()
        if value.is_floating_point()
    }
    save_file(tensors, path)


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, help="folder with images/ and masks/")
    options.add_argument("--out", type=Path, default=Path("build/clicks"), help="folder for pictures and checkpoints")
    options.add_argument("--minutes", type=float, default=60.0)
    options.add_argument("--until", default="", metavar="HH:MM", help="stop when the clock shows this, if sooner")
    options.add_argument("--rate", type=float, default=2e-3)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    options.add_argument("--export", type=Path, metavar="FILE", help="write the averaged network as safetensors")
    given = options.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    given.out.mkdir(parents=True, exist_ok=True)
    if given.export:
        export(given.out / "clicks.pt", given.export)
        return 0
    faces = parser_data.open_faces(given.data, given.out / "pictures", *parser_data.built_in_models())
    train(faces, given.out, given.seed, deadline(given.minutes, given.until), given.rate, given.resume)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
