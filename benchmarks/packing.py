"""New identities packed two ways, beside each other: ours, and HyperFace's with a gallery.

    python benchmarks/packing.py [--count 100] [--gallery 2000] [--recogniser dlib]

The gallery is drawn from the recogniser's own statistics of faces of nobody. Both start from the same seed.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import report

from workbench.errors import BadRequest
from workbench.generation.gallery_packing import measured, packed_by_gallery
from workbench.generation.identity import angle_at
from workbench.generation.packing import new_identities
from workbench.generation.population import population
from workbench.thresholds import calibrated


def main() -> None:
    """Pack and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--gallery", type=int, default=2000)
    parser.add_argument("--recogniser", default="dlib")
    args = parser.parse_args()
    known = population(args.recogniser)
    if known is None:
        raise BadRequest(f"{args.recogniser}: nobody measured where it puts faces.")
    metric = "l2" if args.recogniser == "dlib" else "cosine"
    reach = angle_at(calibrated(args.recogniser) or 0.3, metric, known.length[0])
    gallery = known.sample(args.gallery, 1000)
    rows = []

    def note(name: str, found: object, seconds: float) -> None:
        packing = measured(found, gallery, reach)  # type: ignore[arg-type]
        rows.append(
            {"packing": name, "least angle": round(packing.least, 1), "near the gallery %": round(100 * packing.near)}
            | {"to the gallery": round(packing.away, 1), "seconds": round(seconds, 1)}
        )

    note("drawn, not packed", known.sample(args.count, 0), 0.0)
    for weight in (0.0, 0.5, 2.0):
        start = time.perf_counter()
        found = packed_by_gallery(args.count, gallery, weight=weight)
        note(f"HyperFace, weight {weight:g}", found, time.perf_counter() - start)
    for least in (0.0, reach):
        start = time.perf_counter()
        note(
            f"ours, at least {least:.0f}°",
            new_identities(args.count, least, metric, known),
            time.perf_counter() - start,
        )
    print(f"{args.recogniser}: its threshold is {reach:.1f}°")
    report("packing", rows)


if __name__ == "__main__":
    main()
