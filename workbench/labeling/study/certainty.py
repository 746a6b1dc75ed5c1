"""When an item has been asked often enough: its answer is certain though not all raters were asked. Pure."""

from collections.abc import Mapping


def certainty(counts: Mapping[str, int], classes: int, accuracy: float) -> float:
    """The chance, 0..1, that an item's most given class is its true one, if every rater is right `accuracy` of the
    time and otherwise gives any of the other classes alike (the one-coin model, all classes as likely beforehand).

    counts: class → answers. classes: how many there are, 2 or more.
    """
    votes = sorted(counts.values(), reverse=True)
    if not votes:
        return 1 / classes
    odds = (1 - accuracy) / (classes - 1) / accuracy  # of a class for each vote that it has fewer
    others = sum(odds ** (votes[0] - n) for n in [*votes[1:], *[0] * (classes - len(votes))])
    return 1 / (1 + others)


def is_certain(counts: Mapping[str, int], classes: int, accuracy: float, least: int, threshold: float) -> bool:
    """Whether an item needs no further rater: `least` answered, and its class is at least this certain."""
    return sum(counts.values()) >= least and certainty(counts, classes, accuracy) >= threshold
