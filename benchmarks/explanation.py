"""How long an explanation takes on the embedded expression model, beside Captum and pytorch-grad-cam on the same model,
in the same run.

    python benchmarks/explanation.py [--threads 2] [--runs 5] [--cpu]

One face (NASA's astronaut). Ours is timed as the tab uses it: on the chip, with the network laid out as
`tasks.explanation` lays it out. Captum and pytorch-grad-cam get the model as it is loaded, Captum at the best of
several `perturbations_per_eval`. The plain RISE loop makes each mask with OpenCV, one by one, and runs batches of the
same size. Maps are compared after every pair.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import cv2
import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, Occlusion, ShapleyValueSampling
from measure import in_turn, milliseconds, report
from pytorch_grad_cam import GradCAM
from skimage import data

from workbench.bench import Workbench
from workbench.explanation import explain as explanation
from workbench.explanation.fills import make_fill
from workbench.explanation.perturbation import fitted_window
from workbench.explanation.shapley import _features, _orders
from workbench.explanation.targets import _log_odds, class_score
from workbench.settings import Settings
from workbench.tasks.detection import one_face
from workbench.tasks.parsing import parse

MASKS, STEPS, PERMUTATIONS = 2000, 50, 25
BATCHES = (1, 8, 16, 32, 64)


class Whole(torch.nn.Module):
    """The model as one module, its labels in order, for a library that wants one."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.network, self.model = model.network, [model]

    def forward(self, chips: torch.Tensor) -> torch.Tensor:
        return self.model[0].forward(chips)


class Case:
    """One photo, face, model and target, and the ways to explain it."""

    def __init__(self, bench: Workbench) -> None:
        self.image = data.astronaut()
        self.face = one_face(self.image, bench.finder())
        self.parsing = parse(self.image, bench.model("compact"), [self.face])
        self.model = bench.model("fer")
        self.target = class_score(self.model, "happy")
        self.question, _ = explanation.ask(self.target, self.image, self.face, self.parsing)
        self.chip = self.question.chip

    def ours(self, method: str, **knobs: Any) -> Callable[[], np.ndarray]:
        found = explanation.explained(self.target, self.image, self.face, method, knobs, parsing=self.parsing)
        return lambda: found.draw(found.question).values

    def score(self, chips: torch.Tensor) -> torch.Tensor:
        return self.target.score(chips)

    def captum_grad_cam(self) -> np.ndarray:
        coarse = LayerGradCam(self.score, self.model.features).attribute(
            self.chip.clone().requires_grad_(), relu_attributions=True
        )
        return LayerAttribution.interpolate(coarse, (64, 64), interpolate_mode="bilinear")[0, 0].detach().numpy()

    def grad_cam_package(self) -> np.ndarray:
        index = self.model.labels.index("happy")
        with GradCAM(Whole(self.model), [self.model.features]) as cam:
            return cam(self.chip.clone().requires_grad_(), [lambda logits: _log_odds(logits[None], index)[0]])[0]

    def captum_gradients(self) -> np.ndarray:
        baseline = make_fill("blur", self.chip).image
        values = IntegratedGradients(self.score).attribute(self.chip, baseline, n_steps=STEPS)
        return values[0].sum(0).detach().numpy()

    def captum_occlusion(self, per_eval: int) -> np.ndarray:
        side = fitted_window(64, 16, 8)
        baseline = make_fill("blur", self.chip).image
        with torch.no_grad():
            values = Occlusion(self.score).attribute(
                self.chip, (3, side, side), (3, 8, 8), baseline, perturbations_per_eval=per_eval
            )
        return values[0, 0].numpy()

    def captum_shapley(self, per_eval: int) -> np.ndarray:
        assert self.question.regions is not None
        _, features = _features(self.question.regions)
        method = ShapleyValueSampling(self.score)
        method.permutation_generator = _orders(0)
        with torch.no_grad():
            values = method.attribute(
                self.chip,
                make_fill("blur", self.chip).image,
                feature_mask=torch.from_numpy(features)[None, None],
                n_samples=PERMUTATIONS,
                perturbations_per_eval=per_eval,
            )
        found = values[0, 0].numpy()
        return found / np.bincount(features.ravel())[features]

    def plain_rise(self, batch: int) -> np.ndarray:
        """Petsiuk's algorithm as it is usually written: each mask by itself, then the batch."""
        random, total, scores, masks = np.random.default_rng(0), np.zeros((64, 64)), [], []
        cell = -(-64 // 7)
        for start in range(0, MASKS // 2, batch // 2):
            count = min(batch // 2, MASKS // 2 - start)
            cells = (random.random((count, 8, 8)) < 0.5).astype(np.float32)
            shifts = random.integers(0, cell, (count, 2))
            block = []
            for one, (down, across) in zip(cells, shifts, strict=True):
                block.append(
                    cv2.resize(one, (8 * cell, 8 * cell), interpolation=cv2.INTER_LINEAR)[
                        down : down + 64, across : across + 64
                    ]
                )
            block += [mask[:, ::-1] for mask in block]
            chips = torch.cat([self.chip * torch.from_numpy(m.copy()) + 127.5 * torch.from_numpy(1 - m) for m in block])
            with torch.no_grad():
                scores += self.score(chips).tolist()
            masks += block
        mean = np.mean(scores)
        for score, mask in zip(scores, masks, strict=True):
            total += (score - mean) * mask
        return total / (MASKS * 0.5)

    def proof(self) -> Callable[[], Any]:
        found = explanation.explained(self.target, self.image, self.face, "grad_cam", parsing=self.parsing)
        return lambda: explanation.proof_of(found)


def best(work: Callable[[int], Any]) -> int:
    """The `perturbations_per_eval` at which Captum is fastest here."""
    times = {per_eval: milliseconds(partial(work, per_eval), runs=2, warm_up=1)["median"] for per_eval in BATCHES}
    return min(times, key=times.__getitem__)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="only the lines whose name begins so")
    parser.add_argument("--cpu", action="store_true", help="count the process's own time: for a busy machine")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    case = Case(Workbench(Settings.from_env(os.environ)))
    occlusion_at = best(case.captum_occlusion) if "occlusion".startswith(args.only) else 1
    shapley_at = best(case.captum_shapley) if "part Shapley".startswith(args.only) else 1
    captum_occlusion, captum_shapley = (
        partial(case.captum_occlusion, occlusion_at),
        partial(case.captum_shapley, shapley_at),
    )
    plain_rise, gradients = (
        partial(case.plain_rise, case.question.batch),
        case.ours("integrated_gradients", steps=STEPS),
    )
    shapley = case.ours("part_shapley", permutations=PERMUTATIONS)
    pairs: list[tuple[str, float, dict[str, Callable[[], Any]]]] = [
        (
            "Grad-CAM",
            30,
            {"ours": case.ours("grad_cam"), "Captum": case.captum_grad_cam, "grad-cam": case.grad_cam_package},
        ),
        (f"integrated gradients, {STEPS} steps", 300, {"ours": gradients, "Captum": case.captum_gradients}),
        ("occlusion, stride 8", 400, {"ours": case.ours("occlusion", window=16, stride=8), "Captum": captum_occlusion}),
        (f"RISE, {MASKS} masks", 3000, {"ours": case.ours("rise", masks=MASKS), "plain loop": plain_rise}),
        (f"part Shapley, {PERMUTATIONS} permutations", 1500, {"ours": shapley, "Captum": captum_shapley}),
        ("full proof panel", 4000, {"ours": case.proof()}),
    ]
    rows = []
    for name, goal, works in [pair for pair in pairs if pair[0].startswith(args.only)]:
        times = in_turn(works, args.runs, 1, time.process_time if args.cpu else time.perf_counter)
        ours = times["ours"]["median"]
        for who, found in times.items():
            row = {
                "what": name,
                "who": who,
                "ms": found["median"],
                "goal ms": "",
                "× ours": f"{found['median'] / ours:.2f}",
            }
            more = (
                {"goal ms": goal} if who == "ours" else {"largest difference / peak": _apart(works["ours"], works[who])}
            )
            rows.append(row | more)
    print(
        f"Captum's best perturbations_per_eval: occlusion {occlusion_at}, Shapley {shapley_at}; threads {args.threads}"
    )
    report("explanation", rows)


def _apart(ours: Callable[[], Any], theirs: Callable[[], Any]) -> str:
    """The largest difference of two maps, each less its least value and over its peak (pytorch-grad-cam scales so)."""
    maps = [
        (heat - heat.min()) / np.ptp(heat)
        for heat in (np.asarray(ours(), np.float64), np.asarray(theirs(), np.float64))
    ]
    return f"{np.abs(maps[0] - maps[1]).max():.1e}"


if __name__ == "__main__":
    main()
