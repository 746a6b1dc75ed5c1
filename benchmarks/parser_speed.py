"""The compact parser by runtime and precision, accuracy beside each; then batch, start, imports and SegFace mobilenet.

    python benchmarks/parser_speed.py [--data DIR] [--runs 15] [--seconds 6]

One process per runtime, one after the other: 8 bits through ONNX Runtime, torch in bfloat16, and torch in float32 with
the chip's flags masked, as on a processor without bfloat16. Each finds, meshes and parses one face of a 1920 × 1080
photo, alone and four at once. DIR holds `images/` and `masks/`; without it no accuracy is measured. SegFace's network
has random weights, which take as long as trained ones; its twin for ONNX Runtime is written where the package `onnx`
is at hand. About six minutes on two quiet cores.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import measure  # noqa: E402
import numpy as np  # noqa: E402

RUNTIMES: dict[str, dict[str, str]] = {
    "ONNX Runtime, 8 bits": {"WORKBENCH_RUNTIME": "auto"},
    "torch, bfloat16": {"WORKBENCH_RUNTIME": "torch"},
    "torch, float32 (flags masked)": {"WORKBENCH_RUNTIME": "torch", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE", "MASKED": "1"},
}
HEAVY = ("torch", "scipy", "pandas", "matplotlib", "onnxruntime", "transformers")
IMPORTS = (
    "import time; begun = time.perf_counter(); import app; spent = time.perf_counter() - begun\n"
    f"import sys, json; print(json.dumps([spent, [n for n in {HEAVY!r} if n in sys.modules]]))"
)


def one_runtime(data: Path | None, runs: int, seconds: float) -> dict[str, Any]:
    """What this process's runtime takes: milliseconds, photos per second, megabytes; F1 where there are pictures."""
    from parser_stages import full_hd, rate

    from workbench.bench import Workbench
    from workbench.tasks.detection import find_faces
    from workbench.tasks.parsing import parse

    if os.environ.get("MASKED"):
        from workbench.models.blocks import precision  # brings torch, which 8 bits do without

        precision._processor_flags = lambda: ""
    bench, photo = Workbench.from_env(), full_hd()

    def work() -> Any:
        return parse(photo, bench.parser("compact"), find_faces(photo, bench.finder()))

    begun = time.perf_counter()
    work()
    first = time.perf_counter() - begun
    wall, cpu = (measure.in_turn({"": work}, runs, 2, clock)[""] for clock in (time.perf_counter, time.process_time))
    one, four = (rate(work, threads, seconds) for threads in (1, 4))
    row = {
        "find, mesh, parse: ms": wall["median"],
        "fastest": wall["min"],
        "CPU ms": cpu["median"],
        "photos/s, one": one,
        "four at once": four,
        "ratio": four / one,
        "first, s": first,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if data:
        from training.parser_export import evaluate

        found = evaluate(bench, "compact", data)
        row |= {"pooled F1": found["pooled_f1"], "per picture": found["picture_f1"], "mIoU": found["miou"]}
    return row


def by_runtime(given: argparse.Namespace) -> list[dict[str, Any]]:
    """A row per runtime, each from a process of its own."""
    rows = []
    for name, settings in RUNTIMES.items():
        command = [sys.executable, __file__, "--one", f"--runs={given.runs}", f"--seconds={given.seconds}"]
        command += [f"--data={given.data}"] if given.data else []
        done = subprocess.run(command, cwd=ROOT, env=os.environ | settings, check=True, capture_output=True, text=True)
        row = json.loads(done.stdout.splitlines()[-1])
        figures = {key: f"{row.pop(key):.4f}" for key in ("pooled F1", "per picture", "mIoU") if key in row}
        rows.append({"runtime": name, **row, **figures})
        print(name, "done", flush=True)
    return rows


def segface(runs: int) -> list[dict[str, Any]]:
    """SegFace mobilenet at 512 px, the network alone: in torch, and through ONNX Runtime with how far it is off."""
    import torch
    from hub_models import _loaded

    from tests.golden.digest import Pictures

    network = _loaded("segface", "segface-mobilenet-celeba-512", Pictures("segface-mobilenet-celeba").weights()).network
    pixels = torch.randn(1, 3, 512, 512)

    def ours() -> np.ndarray:
        with torch.inference_mode():
            return network(pixels).numpy()

    works: dict[str, Callable[[], Any]] = {"SegFace mobilenet, torch": ours}
    with tempfile.TemporaryDirectory() as folder:
        twin = _twin(network, pixels, Path(folder) / "segface.onnx")
        if twin:
            works["SegFace mobilenet, ONNX Runtime float32"] = lambda: twin(pixels.numpy())
        timed = measure.in_turn(works, runs=runs)
        off = float(np.abs(twin(pixels.numpy()) - ours()).max() / np.abs(ours()).max()) if twin else None
    rows = [
        {"what": name, "value": row["median"], "min": row["min"], "aim": "<= 200 ms"} for name, row in timed.items()
    ]
    return (
        rows
        if off is None
        else [*rows, {"what": "its largest difference, of the largest logit", "value": f"{off:.1e}", "aim": "1e-3"}]
    )


def _twin(network: Any, pixels: Any, path: Path) -> Callable[[np.ndarray], np.ndarray] | None:
    import warnings

    import torch

    from workbench.models.files.onnx_session import open_session

    try:
        import onnx  # noqa: F401
    except ImportError:
        print("the package onnx is not here: SegFace is timed in torch alone")
        return None
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (pixels,), str(path), dynamo=False, opset_version=17, input_names=["x"])
    session = open_session(path)
    return lambda array: np.asarray(session.run(None, {"x": array})[0])


def imports(runs: int = 3) -> dict[str, Any]:
    """The fastest `import app` of a few, and what heavy packages it brought."""
    found = [
        json.loads(
            subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        )
        for _ in range(runs)
    ]
    return {
        "what": f"import app, s (heavy packages: {', '.join(found[0][1]) or 'none'})",
        "value": min(spent for spent, _ in found),
        "aim": "none of torch, scipy, pandas, matplotlib",
    }


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, help="photos and masks: images/, masks/")
    options.add_argument("--runs", type=int, default=15)
    options.add_argument("--seconds", type=float, default=6.0, help="of each throughput")
    options.add_argument("--one", action="store_true", help="this process's runtime alone, as JSON")
    given = options.parse_args()
    if given.one:
        print(json.dumps(one_runtime(given.data, given.runs, given.seconds)))
        return 0
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    measure.report("parser_speed", by_runtime(given))
    from parsing import batch_row, start_rows

    old = [*start_rows(), batch_row()]
    rest = [{"what": row["what"], "value": row["ms (median)"]} for row in old]
    measure.report("parser_start", [imports(), *rest, *segface(given.runs)])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
