"""Trains the compact parser on aligned faces with masks, and measures both embedded parsers.

    python -m training.parser --data DIR --out DIR --minutes 150 [--until 04:35] [--resume]
    python -m training.parser --data DIR --out DIR --export FILE
    python -m training.parser --data DIR --evaluate compact mesh [--record]

DIR holds `images/*.jpg` (512 × 512, aligned) and `masks/*.png` (canonical indices). Seeded: pictures, their order and
every augmentation follow from --seed and the step reached; the time per step, and with it the learning rate, does not.
A run that was stopped goes on from its last checkpoint with --resume, and spreads what is left of its schedule over the
time it is given. Each core trains on its own half of a batch, and the gradients are averaged once a step: on two cores
that is a fifth faster than one process with two threads, and much less disturbed by neighbours.
"""

import argparse
import datetime
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import distributed
from torch.multiprocessing import Value
from torch.utils.data import DataLoader, IterableDataset

from training import parser_data, parser_export
from training.parser_augment import Augmenter
from training.parser_check import check
from training.parser_data import RARE, Faces
from training.parser_loss import class_weights
from training.parser_run import Plan, Run, follow, learn, new_run
from workbench.bench import Workbench

log = logging.getLogger("parser")

CHECK_SECONDS = 300.0


class Stream(IterableDataset[tuple[np.ndarray, np.ndarray]]):
    """Batches without end: ((n, side, side, 16) uint8, (n, side/2, side/2) uint8), rare pictures more often."""

    def __init__(
        self, faces: Faces, pool: np.ndarray, plan: Plan, side: "Synchronized[int]", start: tuple[int, int]
    ) -> None:
        self._faces, self._pool, self._plan, self._side, self._start = faces, pool, plan, side, start

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        rng = np.random.default_rng([self._plan.seed, *self._start])
        augmenter = Augmenter(self._faces, self._pool, self._plan.closer)
        chances = repeat_chances(self._faces.areas[self._pool])
        while True:
            side = int(self._side.value)
            drawn = rng.choice(self._pool, self._plan.batch, p=chances)
            crops, labels = zip(*(augmenter.sample(int(index), side, rng) for index in drawn), strict=True)
            yield np.stack(crops), np.stack(labels)


def repeat_chances(areas: np.ndarray, threshold: float = 0.2, most: float = 2.0) -> np.ndarray:
    """(n,) chance of each picture: repeat-factor sampling (Gupta et al., LVIS, arXiv 1908.03195, section 3.3),
    capped."""
    share = (areas > 0).mean(axis=0)
    factor = np.clip(np.sqrt(threshold / np.maximum(share, 1e-6)), 1.0, most)
    repeats = np.where(areas > 0, factor, 1.0)[:, RARE].max(axis=1)
    chances: np.ndarray = repeats / repeats.sum()
    return chances


def train(
    rank: int, cores: int, faces: Faces, out: Path, plan: Plan, until: float, resume: bool, start: Path | None = None
) -> None:
    """Trains until the clock shows `until` (seconds since 1970), as one of several cores. The first one checks and
    saves."""
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    distributed.init_process_group("gloo", init_method=f"file://{out.resolve()}/meeting", rank=rank, world_size=cores)
    pool, held = parser_data.split(faces.stems, faces.areas)
    run = new_run(plan)
    if start:
        run.start_from(start)
    if resume and (out / "checkpoint.pt").exists():
        run.restore(out / "checkpoint.pt")
        run.share = 0.0 if plan.afresh else run.share
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
            follow(run, plan)
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


def _plan(given: argparse.Namespace) -> Plan:
    sides = ((1.0, given.sides),) if given.sides else Plan().sides
    plan = Plan(batch=given.batch, rate=given.rate, sides=sides, seed=given.seed, closer=given.closer)
    return replace(plan, rate=given.again, sides=(sides[-1],), afresh=True) if given.again else plan


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
    options.add_argument(
        "--out", type=Path, default=Path("build/parser"), help="folder for the prepared pictures, checkpoints and logs"
    )
    options.add_argument("--minutes", type=float, default=150.0)
    options.add_argument(
        "--until", default="", metavar="HH:MM", help="stop when the clock shows this, if that is sooner"
    )
    options.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    options.add_argument(
        "--again", type=float, metavar="RATE", help="with --resume: a new schedule from this learning rate, at 352 px"
    )
    options.add_argument(
        "--start", type=Path, metavar="FILE", help="begin with the weights of this exported file instead of none"
    )
    options.add_argument("--rate", type=float, default=Plan().rate, help="the highest learning rate")
    options.add_argument("--batch", type=int, default=Plan().batch, help="pictures per core and step")
    options.add_argument("--sides", type=int, help="one input side for the whole run instead of growing ones")
    options.add_argument(
        "--closer", type=float, default=0.0, help="share of samples that look closely at a small or rare part"
    )
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--cores", type=int, default=2)
    options.add_argument(
        "--export", type=Path, metavar="FILE", help="write the last checkpoint's averaged network as safetensors"
    )
    options.add_argument("--side", type=int, default=320, help="input side that the exported file asks for")
    options.add_argument(
        "--prior", type=float, default=0.5, help="how much of the loss's class weights the exported file takes back"
    )
    options.add_argument(
        "--evaluate", nargs="+", metavar="MODEL", help="measure parsers of the catalogue on the validation pictures"
    )
    options.add_argument("--record", action="store_true", help="write what --evaluate finds to weights/figures.json")
    given = options.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if given.evaluate:
        return _evaluate(given.evaluate, given.data, given.record)
    given.out.mkdir(parents=True, exist_ok=True)
    faces = parser_data.open_faces(given.data, given.out / "pictures", *parser_data.built_in_models())
    if given.export:
        weights = class_weights(faces.areas[parser_data.split(faces.stems, faces.areas)[0]], Plan().power)
        network = parser_export.from_checkpoint(given.out / "checkpoint.pt")
        parser_export.export(network, parser_export.correction(weights, given.prior), given.side, given.export)
        return 0
    (given.out / "meeting").unlink(missing_ok=True)
    arguments = (
        given.cores,
        faces,
        given.out,
        _plan(given),
        deadline(given.minutes, given.until),
        given.resume,
        given.start,
    )
    torch.multiprocessing.start_processes(train, arguments, given.cores, start_method="fork")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
