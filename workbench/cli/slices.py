"""Ask a model about every photo of a folder, and write who is right where, and which photos share a reason.

Photos may have truth and groups, laid out as `evaluate` reads them, or none.
"""

import argparse
from pathlib import Path
from typing import Any

from workbench.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="photos, with labels and groups or without")
    parser.add_argument("--model", default="", help="expression model (default: the first one here)")
    parser.add_argument("--method", default="occlusion", help="of the heatmaps (default: occlusion)")
    parser.add_argument("--map", default="pca", choices=("pca", "umap"), help="of the photos (default: pca)")
    parser.add_argument("--out", type=Path, required=True, help="folder for slices.html and slices.csv")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from tqdm import tqdm

    from workbench.bench import Workbench
    from workbench.slices.folder import slices
    from workbench.slices.page import as_csv, page, words
    from workbench.watch import Watch

    bench = Workbench(settings)
    with tqdm(total=1.0, bar_format="{percentage:3.0f}% {desc} [{elapsed}<{remaining}]") as bar:

        def tell(share: float, word: str) -> None:
            bar.set_description_str(word)
            bar.update(share - bar.n)

        found, clusters = slices(args.folder, *_asked(bench, args.model), method=args.method, watch=Watch(tell))
    args.out.mkdir(parents=True, exist_ok=True)
    made = page(found, clusters, args.map, f"Slices: {args.folder.resolve().name}")
    (args.out / "slices.html").write_text(made, encoding="utf-8")
    (args.out / "slices.csv").write_bytes(as_csv(found.rows, clusters))
    for each in clusters:
        print(words(each, found.rows))
    print(f"Wrote {args.out}: slices.html and slices.csv, {len(found.rows)} photos, {len(found.missing)} left out.")
    return 0


def _asked(bench: Any, model: str) -> tuple[Any, Any, Any, Settings]:
    return bench.finder(), bench.expression(model), bench.recogniser(), bench.settings
