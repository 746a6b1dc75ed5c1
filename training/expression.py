"""Trains the compact expression net: a new last layer on two published trunks, calibrated, with a bar for "unsure".

    python -m training.expression DATA --work FOLDER [--without surprise] [--out FILE]

DATA holds images/ and labels.csv (see `training/expression_data.py`). What takes long is kept in FOLDER and found there
again: the faces (`faces.npz`), and what the trunks see in them and in changed views of them (`places-*.npy`).

The last layer is a logistic regression whose weights are pulled towards the mean of the two networks' own last layers,
so that two dozen sad faces need not say alone what sadness looks like. The labels are one student's impression each:
the target is the smoothed label mixed with what last layers fitted on *other people* say of the photo.

The temperature and the bar below which an answer is "unsure" are fitted on the people of the validation part; the test
part is never touched here. Seeded: two runs on one machine and one thread give the same numbers. Training the trunks as
well was tried and made the rare expressions worse (`docs/expressions.md`).
"""

import argparse
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn import functional

from training.expression_data import Faces, prepare, read_labels, split, views
from workbench.bench import Workbench
from workbench.catalog import find
from workbench.errors import BadRequest
from workbench.models.expressions import face_api_expression, mini_xception
from workbench.models.expressions.compact_expression import CHANNELS, ORDER, RULES, CompactExpression, certainty
from workbench.settings import Settings
from workbench.sources.fetching import verify

FOLDS = 5
ABSENT = -20.0
"""The logit of an expression that was left out."""

RULE = "softmax"
"""How certainty is measured. `training/expression_check.py` leaves one expression out after the other: softmax and
energy cannot be told apart there, and softmax finds the net's own mistakes better."""

KEPT_SURE = 0.95
"""Share of right answers, on the validation part, that stay sure."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train; chosen by cross-validation over the people of the train and validation parts.

    views: changed views of each face beside the face as it is. pull: of the weights towards the published ones. power:
    of an expression's frequency, in its weight: 1 makes five expressions equal, 0 leaves them as frequent as they are.
    smooth: of the labels. others: share of the target that comes from layers fitted on other people.
    """

    views: int = 0
    pull: float = 0.15
    power: float = 0.75
    smooth: float = 0.05
    others: float = 0.4
    seed: int = 0


def main() -> None:
    """Train, calibrate and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for faces and what the trunks see in them")
    parser.add_argument("--without", choices=ORDER, help="leave this expression out: is it then called unsure?")
    parser.add_argument("--out", type=Path, help="where to write the weights (default: in FOLDER)")
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    bench, labels = Workbench(Settings.from_env(os.environ)), read_labels(args.data / "labels.csv")
    faces, parts = prepare(args.data, labels, args.work / "faces.npz", bench), split(labels)
    network, prior = published(bench.settings)
    seen = look(network, faces.squares, Plan().views, args.work)
    train(network, prior, faces, parts, seen, Plan(), args.without)
    about = calibrate(network, faces, parts, seen[0], args.without)
    export(network, args.out or args.work / "compact_expression.safetensors", about)
    print(about)


def rows_of(faces: Faces, parts: Mapping[str, str], part: str, without: str | None = None) -> np.ndarray:
    """Indices of the faces of a part whose expression the net knows, but for the one left out."""
    labels = faces.labels
    return np.array(
        [
            i
            for i, person in enumerate(faces.people)
            if parts[person] == part and labels[i] >= 0 and faces.words[i] != without
        ]
    )


def train(
    network: CompactExpression,
    prior: Tensor,
    faces: Faces,
    parts: Mapping[str, str],
    seen: Tensor,
    plan: Plan,
    without: str | None = None,
) -> None:
    """Fits the last layer in place, without faces of the expression left out. prior, seen: of `published`, `look`."""
    rows = rows_of(faces, parts, "train", without)
    both, labels = seen[:, :, rows].mean(1), faces.labels[rows]
    weights = frequency_weights(labels, plan.power)
    targets = clean_targets(both, labels, [faces.people[row] for row in rows], prior, weights, plan)
    network.head.weight.data, network.head.bias.data = fit_head(both, labels, targets, prior, weights, plan)


def published(settings: Settings) -> tuple[CompactExpression, Tensor]:
    """The net on the two trunks as published, its last layer empty, and (5, 384) the mean of the two networks' own last
    layers."""
    face_api = face_api_expression.weights(
        *(verify(file, settings) for file in find("face-api-expression").files if file.role != "selector")
    )
    xception = mini_xception.weights(verify(find("fer").files[0], settings))
    network = CompactExpression()
    _fill(network.sides.trunks.face_api, face_api, "blocks.")
    _fill(network.sides.trunks.xception[0], xception, "stem.")
    _fill(network.sides.trunks.xception[1], xception, "blocks.")
    own = face_api["head.weight"][[face_api_expression.ORDER.index(word) for word in ORDER]]
    other = xception["head.weight"].sum((2, 3))[[mini_xception.ORDER.index(word) for word in ORDER]]
    return network.eval(), torch.cat([own, other], dim=1) / 2


def _fill(module: nn.Module, weights: Mapping[str, Tensor], prefix: str) -> None:
    module.load_state_dict(
        {name.removeprefix(prefix): value.contiguous() for name, value in weights.items() if name.startswith(prefix)}
    )


def look(network: CompactExpression, squares: np.ndarray, changed: int, folder: Path, seed: int = 0) -> Tensor:
    """(1 + changed, 2, n, 384): the mean place of the trunks' grid for each face as it is, then for changed views of
    it; of the face alone, and of its mirror image alone. Made once and kept in `folder`."""
    found = []
    for view in range(1 + changed):
        kept = folder / f"places-{view}.npy"
        if not kept.is_file():
            random = torch.Generator().manual_seed(1000 * seed + view) if view else None
            np.save(kept, _places(network, squares, random).numpy())
        found.append(np.load(kept, allow_pickle=False))
        if found[-1].shape != (2, len(squares), sum(CHANNELS)):
            raise BadRequest(f"{kept} belongs to other photos; delete it.")
    return torch.from_numpy(np.stack(found))


@torch.inference_mode()
def _places(network: CompactExpression, squares: np.ndarray, random: torch.Generator | None) -> Tensor:
    rounds = []
    for at in range(0, len(squares), 64):
        grey = views(squares[at : at + 64], random)
        rounds.append(torch.stack([network.sides.trunks(side).mean((2, 3)) for side in (grey, grey.flip(-1))]))
    return torch.cat(rounds, dim=1)


def frequency_weights(labels: np.ndarray, power: float) -> Tensor:
    """(5,) what a face of each expression counts: frequency to the power −`power`, 1 for the mean face; 0 for an absent
    expression."""
    counts = np.bincount(labels, minlength=len(ORDER)).astype(np.float64)
    weights = np.where(counts > 0, np.maximum(counts, 1) ** -power, 0)
    return torch.tensor(weights * counts.sum() / (weights * counts).sum(), dtype=torch.float32)


def fit_head(
    seen: Tensor, labels: np.ndarray, targets: Tensor, prior: Tensor, weights: Tensor, plan: Plan
) -> tuple[Tensor, Tensor]:
    """Weight (5, 384) and bias (5,) of the last layer: weighted logistic regression pulled towards `prior`.

    seen: (v, n, 384). targets: (n, 5). An expression without weight is never said: its bias is −20.
    """
    mean, spread = seen.mean((0, 1)), seen.flatten(0, 1).std(0) + 1e-3
    x, each = ((seen - mean) / spread).flatten(0, 1), weights[torch.from_numpy(labels)].repeat(len(seen))
    wanted, start, absent = targets.repeat(len(seen), 1), prior * spread, weights == 0
    weight, bias = start.clone().requires_grad_(), torch.zeros(len(ORDER), requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=80, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        said = (x @ weight.T + bias).masked_fill(absent, ABSENT).log_softmax(1)
        total = (-(wanted * said).sum(1) * each).mean() + plan.pull * ((weight - start) ** 2).sum()
        total.backward()
        return total

    optimiser.step(loss)
    found = (weight.detach() / spread).masked_fill(absent[:, None], 0)
    return found, (bias.detach() - found @ mean).masked_fill(absent, ABSENT)


def clean_targets(
    seen: Tensor, labels: np.ndarray, people: list[str], prior: Tensor, weights: Tensor, plan: Plan
) -> Tensor:
    """(n, 5), rows sum to 1: the labels, smoothed over the expressions that were learnt, mixed with what last layers
    fitted on other people say."""
    here = (weights > 0).float()
    smooth = functional.one_hot(torch.from_numpy(labels), len(ORDER)) * (1 - plan.smooth)
    smooth = smooth + plan.smooth * here / here.sum()
    fold = np.array([int(hashlib.sha256(person.encode()).hexdigest(), 16) % FOLDS for person in people])
    said = torch.zeros(len(labels), len(ORDER))
    for k in range(FOLDS):
        rest = torch.from_numpy(fold != k)
        weight, bias = fit_head(seen[:, rest], labels[fold != k], smooth[rest], prior, weights, plan)
        said[~rest] = (seen[0, ~rest] @ weight.T + bias).softmax(1)
    return (1 - plan.others) * smooth + plan.others * said


def ask(network: CompactExpression, places: Tensor) -> tuple[Tensor, Tensor]:
    """(n, 5) logits from faces alone, and from their mirror images alone, of places (2, n, 384); the net says their
    mean."""
    with torch.inference_mode():
        plain, mirrored = network.head(places) / network.temperature
    return plain.clone(), mirrored.clone()


def calibrate(
    network: CompactExpression, faces: Faces, parts: Mapping[str, str], places: Tensor, without: str | None = None
) -> dict[str, str]:
    """Sets the temperature that makes the validation part's labels likeliest; returns the bar of every rule, as texts
    for the file's head.

    places: (2, n, 384). A bar is the certainty above which 95 % of the right answers of the validation part lie.
    """
    rows = rows_of(faces, parts, "validation", without)
    labels = torch.from_numpy(faces.labels[rows])
    network.temperature.fill_(1)
    both = torch.stack(ask(network, places[:, rows])).mean(0)

    def unlikely(log_temperature: float) -> float:
        return float(functional.cross_entropy(both / float(np.exp(log_temperature)), labels))

    network.temperature.fill_(float(np.exp(minimize_scalar(unlikely, bounds=(-2, 2), method="bounded").x)))
    right = (both.argmax(1) == labels).numpy()
    sides = ask(network, places[:, rows])
    bars = {rule: float(np.quantile(certainty(*sides, rule)[right], 1 - KEPT_SURE)) for rule in RULES}
    return {
        "temperature": f"{float(network.temperature):.4f}",
        "rule": RULE,
        "bar": f"{bars[RULE]:.6f}",
        **{f"bar_{rule}": f"{bar:.6f}" for rule, bar in bars.items()},
    }


def export(network: CompactExpression, path: Path, about: Mapping[str, str]) -> None:
    """Writes the weights with 16 bits (the temperature with 32), and `about` into the file's head."""
    tensors = {name: value.half() if value.ndim else value.float() for name, value in network.state_dict().items()}
    assert tensors["head.weight"].shape == (len(ORDER), sum(CHANNELS))
    save_file({name: value.contiguous() for name, value in tensors.items()}, path, metadata=dict(about))


if __name__ == "__main__":
    main()
