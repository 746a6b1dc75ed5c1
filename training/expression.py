"""Trains the compact expression net: two published trunks, a new last layer, and then all of it together.

    python -m training.expression DATA --work FOLDER [--epochs 8] [--without surprise] [--out FILE]

DATA holds images/ and labels.csv (see `training/expression_data.py`). Three steps, each kept in FOLDER and found there
again:

1. the faces, once (`faces.npz`);
2. the last layer alone, on the trunks as published: logistic regression whose weights are pulled towards the mean of
   the two networks' own last layers, so that three dozen sad faces need not say alone what sadness looks like;
3. the whole net, on changed views, weights pulled towards where step 2 left them (L2-SP, Li et al., arXiv 1802.01483).
   The labels are one student's impression each: the target is the smoothed label mixed with what last layers fitted on
   *other people* say of the photo. The weights that ship are the running mean of those passed through.

The temperature and the bar below which an answer is "unsure" are fitted on the people of the validation part; the test
part is never touched here. Seeded: two runs on one machine and one thread give one file. A run that was cut off goes on
at its last whole epoch.
"""

import argparse
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn import functional

from training.expression_data import Faces, prepare, read_labels, split, views
from workbench.bench import Workbench
from workbench.catalog import find
from workbench.models.expressions import face_api_expression, mini_xception
from workbench.models.expressions.compact_expression import CHANNELS, ORDER, RULES, CompactExpression, certainty
from workbench.settings import Settings
from workbench.sources.fetching import verify

FOLDS = 5
ABSENT = -20.0
"""The logit of an expression that was left out."""

RULE = "softmax"
"""How certainty is measured; chosen by `training/expression_check.py`, which leaves one expression out after the
other."""

KEPT_SURE = 0.95
"""Share of right answers, on the validation part, that stay sure."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. Chosen on the train and validation parts.

    pull: of the last layer's weights towards the published ones (step 2). anchor: of every weight towards its start
    (step 3). power: of an expression's frequency, in its weight: 1 makes five expressions equal, 0 leaves them as
    frequent as they are. smooth: of the labels. others: share of the target that comes from layers fitted on other
    people.
    """

    epochs: int = 0
    views: int = 0
    batch: int = 48
    rate: float = 4e-4
    anchor: float = 3e-3
    pull: float = 0.15
    power: float = 0.75
    smooth: float = 0.05
    others: float = 0.4
    average: float = 0.99
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What is learnt from. squares: (n, 160, 160). labels: (n,) places in ORDER. targets: (n, 5), rows sum to 1.
    weights: (5,)."""

    squares: np.ndarray
    labels: np.ndarray
    targets: Tensor
    weights: Tensor


def main() -> None:
    """Train, calibrate and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for faces and checkpoints")
    parser.add_argument("--epochs", type=int, default=Plan().epochs)
    parser.add_argument(
        "--without", choices=ORDER, help="leave this expression out, to see whether it is then called unsure"
    )
    parser.add_argument(
        "--out", type=Path, help="where to write the weights (default: FOLDER/compact_expression.safetensors)"
    )
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    bench, labels = Workbench(Settings.from_env(os.environ)), read_labels(args.data / "labels.csv")
    faces, parts = prepare(args.data, labels, args.work / "faces.npz", bench), split(labels)
    name = f"run-without-{args.without}" if args.without else "run"
    network = train(faces, parts, Plan(epochs=args.epochs), args.work / f"{name}.pt", bench.settings, args.without)
    about = calibrate(network, faces, parts, args.without)
    export(
        network,
        args.out or args.work / f"compact_expression{'-' + args.without if args.without else ''}.safetensors",
        about,
    )
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
    faces: Faces, parts: Mapping[str, str], plan: Plan, kept: Path, settings: Settings, without: str | None = None
) -> CompactExpression:
    """The trained net, not yet calibrated. Goes on from the checkpoint `kept` where there is one."""
    torch.manual_seed(plan.seed)
    network, prior = published(settings)
    rows = rows_of(faces, parts, "train")
    seen = mean_places(network, faces.squares[rows], plan, kept.parent)
    learnt = np.array([faces.words[row] != without for row in rows])
    rows, seen = rows[learnt], seen[:, learnt]
    labels, people = faces.labels[rows], [faces.people[row] for row in rows]
    weights = frequency_weights(labels, plan.power)
    targets = clean_targets(seen, labels, people, prior, weights, plan)
    network.head.weight.data, network.head.bias.data = fit_head(seen, labels, targets, prior, weights, plan)
    _run(network, Lesson(faces.squares[rows], labels, targets, weights), plan, kept)
    return network


def published(settings: Settings) -> tuple[CompactExpression, Tensor]:
    """The net on the two trunks as published, its last layer empty, and (5, 384) the mean of the two networks' own last
    layers."""
    face_api = face_api_expression.weights(*(verify(file, settings) for file in find("face-api-expression").files))
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


def mean_places(network: CompactExpression, squares: np.ndarray, plan: Plan, folder: Path) -> Tensor:
    """(1 + plan.views, n, 384): the mean place of the published trunks' grid for each face as it is, and for changed
    views of it. Made once and kept in `folder`."""
    for view in range(1 + plan.views):
        kept = folder / f"places-{view}.npy"
        if not kept.is_file():
            random = torch.Generator().manual_seed(1000 * plan.seed + view) if view else None
            with torch.inference_mode():
                rounds = [
                    network.sides(views(squares[at : at + 64], random)).mean((2, 3))
                    for at in range(0, len(squares), 64)
                ]
            np.save(kept, torch.cat(rounds).numpy())
    found = np.stack([np.load(folder / f"places-{view}.npy", allow_pickle=False) for view in range(1 + plan.views)])
    assert found.shape[1] == len(squares), f"{folder} belongs to other photos; delete it."
    return torch.from_numpy(found)


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


def _run(network: CompactExpression, lesson: Lesson, plan: Plan, kept: Path) -> None:
    """Step 3, in place; afterwards `network` holds the running mean of its weights."""
    random = torch.Generator().manual_seed(plan.seed)
    start = {name: value.detach().clone() for name, value in network.named_parameters()}
    mean = {name: value.detach().clone() for name, value in network.state_dict().items()}
    each = len(lesson.labels) // plan.batch
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.rate, total_steps=max(plan.epochs * each, 2), pct_start=0.15
    )
    state = _Kept(network, mean, optimiser, schedule, random)
    for epoch in range(state.load(kept), plan.epochs):
        total = sum(_step(network, lesson, plan, start, state) for _ in range(each))
        state.save(kept, epoch + 1)
        print(f"epoch {epoch + 1} of {plan.epochs}: loss {total / each:.3f}", flush=True)
    network.load_state_dict(mean)
    network.eval()


def _step(network: CompactExpression, lesson: Lesson, plan: Plan, start: Mapping[str, Tensor], state: "_Kept") -> float:
    """One batch: rare expressions are drawn more often (square root of their weight), and what is left of the weight is
    in the loss."""
    network.train()
    draw = lesson.weights.sqrt()[torch.from_numpy(lesson.labels)]
    rows = torch.multinomial(draw, plan.batch, replacement=True, generator=state.random)
    logits = network(views(lesson.squares[rows.numpy()], state.random).expand(-1, 3, -1, -1))
    left = lesson.weights.sqrt()[torch.from_numpy(lesson.labels)[rows]]
    scale = (draw / draw.sum() * lesson.weights.sqrt()[torch.from_numpy(lesson.labels)]).sum()
    loss = (-(lesson.targets[rows] * logits.log_softmax(1)).sum(1) * left / scale).mean()
    loss = loss + plan.anchor * sum(((value - start[name]) ** 2).sum() for name, value in network.named_parameters())
    state.optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 2.0)
    state.optimiser.step()
    state.schedule.step()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            state.mean[name].lerp_(value, 1 - plan.average)
    return loss.item()


@dataclass(slots=True)
class _Kept:
    """Everything a run needs to go on as if it had not stopped."""

    network: CompactExpression
    mean: dict[str, Tensor]
    optimiser: torch.optim.AdamW
    schedule: Any
    random: torch.Generator

    def save(self, path: Path, epoch: int) -> None:
        """The checkpoint, replacing the last one in one move."""
        content = {name: getattr(self, name).state_dict() for name in ("network", "optimiser", "schedule")}
        chance = {"random": self.random.get_state(), "dropout": torch.get_rng_state()}
        torch.save({**content, **chance, "mean": self.mean, "epoch": epoch}, path.with_suffix(".partial"))
        os.replace(path.with_suffix(".partial"), path)

    def load(self, path: Path) -> int:
        """The epoch to go on with: 0 when there is no checkpoint."""
        if not path.is_file():
            return 0
        content = torch.load(path, weights_only=True)
        for name in ("network", "optimiser", "schedule"):
            getattr(self, name).load_state_dict(content[name])
        self.mean.update(content["mean"])
        self.random.set_state(content["random"])
        torch.set_rng_state(content["dropout"])
        return int(content["epoch"])


@torch.inference_mode()
def ask(network: CompactExpression, squares: np.ndarray) -> tuple[Tensor, Tensor]:
    """(n, 5) logits from the faces alone, and from their mirror images alone; the net says their mean."""
    rounds = [
        torch.stack(network.apart(views(squares[at : at + 64]).expand(-1, 3, -1, -1)))
        for at in range(0, len(squares), 64)
    ]
    both = torch.cat(rounds, dim=1).clone()
    return both[0], both[1]


def calibrate(
    network: CompactExpression, faces: Faces, parts: Mapping[str, str], without: str | None = None
) -> dict[str, str]:
    """Sets the temperature that makes the validation part's labels likeliest; returns the bar of every rule, as texts
    for the file's head.

    A bar is the value above which 95 % of the right answers of the validation part lie.
    """
    rows = rows_of(faces, parts, "validation", without)
    labels = torch.from_numpy(faces.labels[rows])
    network.temperature.fill_(1)
    plain, mirrored = ask(network, faces.squares[rows])

    def unlikely(log_temperature: float) -> float:
        return float(functional.cross_entropy((plain + mirrored) / 2 / float(np.exp(log_temperature)), labels))

    temperature = float(np.exp(minimize_scalar(unlikely, bounds=(-2, 2), method="bounded").x))
    network.temperature.fill_(temperature)
    right = ((plain + mirrored).argmax(1) == labels).numpy()
    bars = {
        rule: np.quantile(certainty(plain / temperature, mirrored / temperature, rule)[right], 1 - KEPT_SURE)
        for rule in RULES
    }
    return {
        "temperature": f"{temperature:.4f}",
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
