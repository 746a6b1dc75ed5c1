"""What every benchmark shares: repeated timing, the machine's name, a printed table and its JSON.

Not a benchmark itself: running it prints nothing.
"""

import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def milliseconds(work: Callable[[], Any], runs: int = 15, warm_up: int = 3) -> dict[str, float]:
    """Median, fastest and slowest of `runs` calls after `warm_up` calls that do not count."""
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return {"median": statistics.median(times), "min": min(times), "max": max(times)}


def in_turn(
    works: dict[str, Callable[[], Any]],
    runs: int = 15,
    warm_up: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, dict[str, float]]:
    """Several candidates timed A B C A B C ..., so that a drift of the machine falls on all of them.

    clock: in seconds; `time.process_time` counts this process's work alone, whatever else the machine does.
    """
    for work in works.values():
        for _ in range(warm_up):
            work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            start = clock()
            work()
            times[name].append((clock() - start) * 1000)
    return {name: {"median": statistics.median(row), "min": min(row), "max": max(row)} for name, row in times.items()}


def report(name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print the rows as a table and write them with the machine to `results/<name>.json`."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_cell(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(column), *(len(line[i]) for line in cells)) for i, column in enumerate(columns)]
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    for line in [columns, ["-" * width for width in widths], *cells]:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(list(rows), indent=1))


def record_speed(times: dict[str, tuple[float, str]]) -> None:
    """Write how long models take on this machine into the figures that the README's table shows: id → (milliseconds,
    for what)."""
    from workbench.sources import figures

    figures.update(
        "speed",
        {
            name: {"headline": f"{ms:.0f} ms {what}" if ms >= 10 else f"{ms:.1f} ms {what}", "ms": ms}
            for name, (ms, what) in times.items()
        },
    )


def _cell(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
