"""How long the fuzzing may take: seconds together in the suite, FUZZ_SECONDS of it all with `make fuzz`."""

import os
import random

SUITE = 60.0
"""Seconds that all fuzz tests of the suite may take together."""
TOTAL = float(os.environ.get("FUZZ_SECONDS", SUITE))
LONG = TOTAL > SUITE
SEED = int(os.environ.get("FUZZ_SEED", random.SystemRandom().randrange(2**32) if LONG else 7))
"""The same cases in every run of the suite; others in every long run, which prints its seed."""


def seconds(share: float) -> float:
    """A test's share of the time."""
    return TOTAL * share
