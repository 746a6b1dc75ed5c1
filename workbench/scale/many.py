"""From a step and a source to rows of every photo, by the engine that was chosen."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from workbench.batch import Account
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.scale import local, plan, shard
from workbench.scale.source import Source, source_of
from workbench.scale.step import Step

ENGINES = ("local", "ray")


@dataclass(frozen=True, slots=True)
class Ask:
    """How many photos are to be worked through.

    engine: "local" or "ray". part: (i, n): only every n-th shard from the i-th, counted from 1, in this process.
    workers: 0 means one per core. gpus: per worker, of Ray's. plan_only: write the plan and stop.
    """

    engine: str = "local"
    address: str = ""
    workers: int = 0
    gpus: float = 0.0
    shard_size: int = 256
    retry: bool = False
    max_crashes: int = 2
    plan_only: bool = False
    part: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise BadRequest(f"--engine: expected {' or '.join(ENGINES)}, got {self.engine!r}.")
        if self.max_crashes < 1:
            raise BadRequest(f"--max-crashes: expected 1 or more, got {self.max_crashes}.")


def part_of(text: str) -> tuple[int, int]:
    """`i/n` as two numbers, i from 1 to n. Raises BadRequest."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise BadRequest(f"--shard: expected i/n with i from 1 to n (an array from 1), got {text!r}.")
    return int(found[1]), int(found[2])


def work_through_shards(
    step: Step, source: str | Source, out: Path, bench: Workbench, ask: Ask
) -> tuple[plan.Plan, Account]:
    """Do the step with every photo of a source; exactly one row for each, in `out`. The plan, and what became of it,
    which is read from the disk before and after."""
    found = source_of(source) if isinstance(source, str) else source
    made = plan.make(step, found, out, bench, ask.shard_size)
    if ask.plan_only:
        return made, Account()
    before = shard.counted(made)
    todo = _todo(made, ask)
    if todo:
        with tqdm(total=made.photos, initial=before["photos"], desc=step.command, unit="photo", disable=None) as bar:
            _run(made, todo, bench, ask, lambda tally: bar.update(sum(tally)) and None)
    return made, _account(made, before, shard.counted(made))


def _todo(made: plan.Plan, ask: Ask) -> list[int]:
    skipped = made.done() - set(shard.with_errors(made) if ask.retry else ())
    first, step = (0, 1) if ask.part is None else (ask.part[0] - 1, ask.part[1])
    return [number for number in range(first, made.shards, step) if number not in skipped]


def _run(
    made: plan.Plan, todo: Sequence[int], bench: Workbench, ask: Ask, progress: Callable[[shard.Tally], None]
) -> None:
    rules = shard.Rules(ask.max_crashes, ask.retry)
    if ask.part is not None:
        local.run_here(made, todo, bench, rules, progress)
    elif ask.engine == "local":
        local.run(made, todo, bench.settings, rules, ask.workers or os.cpu_count() or 1, progress)
    else:
        from workbench.scale import ray

        ray.run(made, todo, rules, ask.workers, progress, address=ask.address, gpus=ask.gpus)


def _account(made: plan.Plan, before: dict[str, int], after: dict[str, int]) -> Account:
    """Photos as the plain commands count them."""
    now = after["photos"] - after["failed"]
    there = before["photos"] - before["failed"]
    account = Account(
        done=now - there, skipped=there, failed=after["failed"], before=min(before["failed"], after["failed"])
    )
    account.reasons = shard.first_errors(made, 50)
    return account
