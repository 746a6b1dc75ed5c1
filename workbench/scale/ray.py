"""Shards on a Ray cluster: an actor per worker, each with its models loaded once; more join as nodes do.

Every node needs this package, the weights, and the folders of photos and results at the same paths. Nothing is sent
but numbers of shards; what is done is read from the disk.
"""

import logging
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

from workbench.bench import Workbench
from workbench.errors import BadRequest, OutOfMemory, WorkbenchError
from workbench.scale.plan import Opener, Plan, alone, opened
from workbench.scale.shard import Rules, Tally, run_shard

STILLBORN = 3
MEMORY = 80 << 20
"""Bytes of Ray's own store on a cluster that we start: only small numbers go through it."""


class ShardWorker:
    """What an actor does. Its settings come from the environment of its node."""

    def __init__(self, plan: Plan, rules: Rules, opener: Opener) -> None:
        """Loads nothing."""
        self._plan, self._rules, self._opener = plan, rules, opener
        self._bench = Workbench(alone(Workbench.from_env().settings))
        self._work: Any = None

    def load(self) -> None:
        """Load the models; raises, with the node's name, when its weights are not here or are others."""
        try:
            self._work = self._opener(self._plan, self._bench)
        except WorkbenchError as error:
            raise type(error)(f"Node {socket.gethostname()}: {error}") from None

    def run(self, number: int) -> Tally:
        """Do a shard."""
        return run_shard(self._plan, number, self._work, self._bench.settings, self._rules)


def run(
    plan: Plan,
    todo: Iterable[int],
    rules: Rules,
    workers: int,
    progress: Callable[[Tally], None],
    *,
    address: str = "",
    gpus: float = 0.0,
    opener: Opener = opened,
) -> None:
    """Do these shards on the cluster at `address`, or on one of this machine's own that ends with the run.

    workers: actors, each of one core and `gpus` graphics cards; 0: as many as the cluster has cores. Raises what a
    worker raised, BadRequest without Ray or cluster, OutOfMemory when workers die while they load.
    """
    try:
        import ray
    except ImportError as error:
        raise BadRequest('Ray is not here. Install it with: pip install "face-workbench[scale]"') from error
    _connect(ray, address, workers)
    try:
        made = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0, max_task_retries=0)(ShardWorker)
        actors = workers or int(ray.cluster_resources().get("CPU", 1))
        _loop(ray, lambda: made.remote(plan, rules, opener), plan, deque(todo), rules, actors, progress)
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str, workers: int) -> None:
    if address and address != "auto":
        _reach(address)
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        else:
            ray.init(address="local", num_cpus=workers or None, object_store_memory=MEMORY, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise BadRequest(f"No Ray cluster at {address or 'this machine'}: {error}") from error


def _reach(address: str) -> None:
    """Raises BadRequest at once where nobody answers; Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError) as error:
        raise BadRequest(f"No Ray cluster at {address}: {error}. Expected HOST:PORT of its head.") from error


def _loop(
    ray: Any,
    hire: Callable[[], Any],
    plan: Plan,
    waiting: deque[int],
    rules: Rules,
    workers: int,
    progress: Callable[[Tally], None],
) -> None:
    under_way: dict[Any, tuple[Any, int | None]] = {}
    stillborn, tries = 0, Counter[int]()
    while waiting or any(number is not None for _, number in under_way.values()):
        while len(under_way) < min(workers, len(waiting) + _busy(under_way)):
            actor = hire()
            under_way[actor.load.remote()] = (actor, None)
        ended, _ = ray.wait(list(under_way), num_returns=1, timeout=1.0)
        for reference in ended:
            actor, number = under_way.pop(reference)
            try:
                tally = ray.get(reference)
            except ray.exceptions.RayActorError as error:
                stillborn += number is None
                if number is not None:
                    tries[number] += 1
                    waiting.appendleft(number)
                _check_lives(stillborn, tries, number, plan, rules, error)
                continue
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, WorkbenchError):
                    raise error.cause from None
                raise
            stillborn = 0
            if number is not None:
                progress(Tally(*tally))
            if waiting:
                following = waiting.popleft()
                under_way[actor.run.remote(following)] = (actor, following)


def _busy(under_way: dict[Any, tuple[Any, int | None]]) -> int:
    return sum(number is not None for _, number in under_way.values())


def _check_lives(
    stillborn: int, tries: "Counter[int]", number: int | None, plan: Plan, rules: Rules, error: Exception
) -> None:
    if stillborn >= STILLBORN:
        raise OutOfMemory(f"{STILLBORN} workers ended while they loaded their models: {str(error)[:300]}")
    if number is not None and tries[number] > rules.max_crashes * len(plan.items(number)) + STILLBORN:
        raise OutOfMemory(f"Shard {number} ended its worker {tries[number]} times. Use fewer workers.")
