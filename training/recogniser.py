"""Trains a small recogniser with an angular margin, to be one more network that a protection is searched against.

    python -m training.recogniser DATA --work FOLDER --trunk residual|wide [--minutes 20]

DATA holds images/ and labels.csv (file, label, person) of grey press photos. Faces are found once and kept in FOLDER as
chips of 80 pixels on ArcFace's template; the network sees 64 of them, moved, mirrored, relit and compressed. Training
goes on where it stopped and ends after so many minutes of processor time. Every eleventh person is kept out: at the end
the area under the curve of all pairs of their photos is printed.

CosFace (Wang et al., CVPR 2018, arXiv 1801.09414): the true person's cosine must win by a margin. Most people have one
photo here, so its changed views are what holds the class together, and the net is weak: it is a surrogate, no judge.
"""

import argparse
import csv
import os
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from training.parser_light import relight
from workbench import images
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.metrics.pairs import pairs
from workbench.metrics.roc import auc
from workbench.models.blocks.windows import arcface
from workbench.settings import Settings
from workbench.tasks.detection import find_faces

KEPT, SIDE, VECTOR = 80, 64, 128
MARGIN, SCALE = 0.3, 24.0
MOST = 20
"""Photos of one person that are seen in one round, so that the most photographed do not drown the others."""
KEPT_OUT = 11
"""Every eleventh person is not trained on."""


@dataclass(frozen=True, slots=True, eq=False)
class Chips:
    """squares: (n, 80, 80, 3) uint8. people: (n,) who each one is."""

    squares: np.ndarray
    people: np.ndarray

    def part(self, kept_out: bool) -> "Chips":
        """Those of the people that are kept out, or of the others."""
        names = sorted(set(self.people.tolist()))
        out = np.isin(self.people, names[::KEPT_OUT])
        rows = out if kept_out else ~out
        return Chips(self.squares[rows], self.people[rows])


class Residual(nn.Module):
    """Ten plain residual convolutions of 3 × 3 with batch norm and PReLU, after He et al., arXiv 1512.03385."""

    def __init__(self) -> None:
        super().__init__()
        widths = (24, 32, 64, 96, 128)
        layers: list[nn.Module] = [nn.Conv2d(1, 24, 3, 1, 1, bias=False), nn.BatchNorm2d(24), nn.PReLU(24)]
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.PReLU(after)]
            layers += [_Block(after)]
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(128 * 16, VECTOR, bias=False), nn.BatchNorm1d(VECTOR))

    def forward(self, grey: Tensor) -> Tensor:
        """(N, 1, 64, 64) -1..1 to (N, 128)."""
        found: Tensor = self.head(self.trunk(grey).flatten(1))
        return found


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.PReLU(width),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Wide(nn.Module):
    """Patches of 4, then depthwise 7 × 7 and pointwise layers, after Liu et al., "A ConvNet for the 2020s", CVPR
    2022."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 48, 4, 4)
        self.first = nn.Sequential(*(_Look(48) for _ in range(3)))
        self.down = nn.Conv2d(48, 96, 2, 2)
        self.second = nn.Sequential(*(_Look(96) for _ in range(5)))
        self.last = nn.Conv2d(96, 128, 2, 2)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(128 * 16, VECTOR, bias=False), nn.BatchNorm1d(VECTOR))

    def forward(self, grey: Tensor) -> Tensor:
        """(N, 1, 64, 64) -1..1 to (N, 128)."""
        found: Tensor = self.head(self.last(self.second(self.down(self.first(self.stem(grey))))).flatten(1))
        return found


class _Look(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(width, width, 7, 1, 3, groups=width, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.mix = nn.Sequential(nn.Conv2d(width, 3 * width, 1), nn.GELU(), nn.Conv2d(3 * width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mix(self.norm(self.look(x)))


TRUNKS: dict[str, type[nn.Module]] = {"residual": Residual, "wide": Wide}


def prepare(folder: Path, work: Path, bench: Workbench) -> Chips:
    """The chips of a folder, made once and kept in `work`; photos without a face with landmarks are left out."""
    kept = work / "chips.npz"
    if not kept.is_file():
        with (folder / "labels.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        finder, squares, people = bench.finder(), [], []
        template = arcface(KEPT)
        for row in tqdm(rows, desc="faces", unit="photo"):
            photo = images.decode(folder / "images" / row["file"], bench.settings)
            face = next((one for one in find_faces(photo, finder) if one.mesh is not None), None)
            if face is not None:
                squares.append(images.warp(photo, template(face), (KEPT, KEPT)))
                people.append(row["person"])
        if not squares:
            raise BadRequest(f"{folder} holds no photo with a face.")
        work.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept, squares=np.stack(squares), people=np.array(people))
    with np.load(kept, allow_pickle=False) as found:
        return Chips(found["squares"], found["people"])


def changed(square: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(64, 64) uint8: a chip of 80 pixels as another camera might have seen it."""
    scale, angle = rng.uniform(0.92, 1.1), np.degrees(rng.normal(0, 0.07))
    matrix = cv2.getRotationMatrix2D((KEPT / 2 - 0.5, KEPT / 2 - 0.5), angle, scale * SIDE / KEPT)
    matrix[:, 2] += rng.normal(0, 1.2, 2) - (KEPT - SIDE) / 2
    chip = cv2.warpAffine(square, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < 0.5:
        chip = chip[:, ::-1].copy()
    made: np.ndarray = cv2.cvtColor(relight(chip, rng), cv2.COLOR_RGB2GRAY)
    if rng.random() < 0.25:
        row, column = rng.integers(0, SIDE - 12, 2)
        made[row : row + rng.integers(6, 20), column : column + rng.integers(6, 20)] = rng.integers(0, 255)
    return made


def plain(squares: np.ndarray) -> Tensor:
    """(n, 1, 64, 64) -1..1: chips as they are."""
    small = [cv2.cvtColor(cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_AREA), 7) for one in squares]
    return torch.from_numpy(np.stack(small)).float()[:, None] / 127.5 - 1


def one_round(people: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows in a random order, at most `MOST` of each person."""
    order, count, kept = rng.permutation(len(people)), dict.fromkeys(people.tolist(), 0), []
    for row in order.tolist():
        count[people[row]] += 1
        if count[people[row]] <= MOST:
            kept.append(row)
    return np.array(kept)


def train(chips: Chips, trunk: str, work: Path, minutes: float, batch: int = 96, seed: int = 0) -> nn.Module:
    """The network after so many minutes of processor time, its checkpoint kept in `work` after every round."""
    ids = np.unique(chips.people, return_inverse=True)[1]
    torch.manual_seed(seed)
    network = TRUNKS[trunk]().to(memory_format=torch.channels_last)
    classes = nn.Parameter(torch.randn(int(ids.max()) + 1, VECTOR) * 0.05)
    sgd = torch.optim.AdamW([*network.parameters(), classes], lr=2e-3, weight_decay=0.02)
    kept, spent, rounds = work / f"{trunk}.pt", 0.0, 0
    if kept.is_file():
        state = torch.load(kept, weights_only=True)
        network.load_state_dict(state["network"])
        sgd.load_state_dict(state["sgd"])
        classes.data, spent, rounds = state["classes"], state["spent"], state["rounds"]
    while spent < minutes * 60:
        started, share = time.process_time(), spent / (minutes * 60)
        sgd.param_groups[0]["lr"] = 2e-3 * min(1.0, (rounds + 1) / 3) * (0.02 + 0.98 * (1 - share))
        loss = _round(
            network, classes, sgd, chips.squares, ids, min(MARGIN, rounds / 10 * MARGIN), batch, rounds + seed
        )
        spent, rounds = spent + time.process_time() - started, rounds + 1
        torch.save(
            {
                "network": network.state_dict(),
                "sgd": sgd.state_dict(),
                "classes": classes.data,
                "spent": spent,
                "rounds": rounds,
            },
            kept,
        )
        print(f"{trunk} round {rounds}, {spent:.0f} s: loss {loss:.3f}", flush=True)
    return network.eval()


def _round(
    network: nn.Module,
    classes: nn.Parameter,
    sgd: torch.optim.Optimizer,
    squares: np.ndarray,
    ids: np.ndarray,
    margin: float,
    batch: int,
    seed: int,
) -> float:
    """One look at everybody; the mean loss."""
    rng, losses = np.random.default_rng(seed), []
    network.train()
    rows = one_round(ids, rng)
    for at in range(0, len(rows) - batch + 1, batch):
        some = rows[at : at + batch]
        grey = torch.from_numpy(np.stack([changed(squares[row], rng) for row in some])).float()[:, None] / 127.5 - 1
        truth = torch.from_numpy(ids[some])
        cosines = functional.normalize(network(grey)) @ functional.normalize(classes).T
        cosines = cosines - margin * functional.one_hot(truth, len(classes))
        loss = functional.cross_entropy(SCALE * cosines, truth)
        sgd.zero_grad()
        torch.autograd.backward(loss)
        sgd.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def check(network: nn.Module, chips: Chips) -> tuple[float, int]:
    """Area under the curve of all pairs of photos of people who were kept out, and how many pairs are of one person."""
    with torch.inference_mode():
        grey = plain(chips.squares)
        vectors = functional.normalize(network(grey) + network(grey.flip(-1))).numpy()
    first, second, same = pairs(chips.people.tolist())
    return auc((vectors[first] * vectors[second]).sum(1), same), int(same.sum())


def main() -> None:
    """Prepare, train, check and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for chips, checkpoints and the weights")
    parser.add_argument("--trunk", choices=TRUNKS, default="residual")
    parser.add_argument("--minutes", type=float, default=20)
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    chips = prepare(args.data, args.work, Workbench(Settings.from_env(os.environ)))
    network = train(chips.part(kept_out=False), args.trunk, args.work, args.minutes)
    save_file(
        {name: value.contiguous() for name, value in network.state_dict().items()},
        args.work / f"{args.trunk}.safetensors",
    )
    area, count = check(network, chips.part(kept_out=True))
    print(f"{args.trunk}: area under the curve {area:.3f} on {count} pairs of people kept out")


if __name__ == "__main__":
    main()
