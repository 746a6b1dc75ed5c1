"""A protection's figures as flat rows and as JSON, for tables and files. The picture's figures and no picture."""

from typing import Any

from workbench.values import Protection, Reading


def row(protection: Protection) -> dict[str, Any]:
    """One line of a table: the outcome, looks, and per recogniser its role, threshold and every score; "" where the
    face was lost."""
    line: dict[str, Any] = {
        "outcome": protection.state,
        "aim": protection.aim,
        "compared with": protection.against,
        "visibility": _rounded(protection.visibility),
        "ssim": round(protection.ssim, 4),
        "psnr": round(protection.psnr, 2),
        "skin_change": round(protection.skin_change, 2),
        "skin_tint": round(protection.skin_tint, 2),
        "patchiness": round(protection.patchiness, 3),
        "steps": protection.steps,
        "seconds": round(protection.seconds, 2),
    }
    for reading in protection.readings:
        name = reading.model
        line |= {f"{name} role": reading.role, f"{name} threshold": round(reading.threshold, 4)}
        line |= {f"{name} {what}": _rounded(score) for what, score in scores(reading).items()}
    return line


def scores(reading: Reading) -> dict[str, float | None]:
    """Every score of one recogniser, in the order of a table: before, after, and after what was done to the saved
    file."""
    return {
        "before": reading.before,
        "after": reading.after,
        **{f"after {kind}": score for kind, score in reading.survival.items()},
    }


def record(protection: Protection) -> dict[str, Any]:
    """The same as nested values that JSON can hold; None where the face was lost."""
    readings = [
        {
            "model": reading.model,
            "role": reading.role,
            "metric": reading.metric,
            "threshold": reading.threshold,
            "scores": {
                what: None if score is None or score != score else score for what, score in scores(reading).items()
            },
        }
        for reading in protection.readings
    ]
    looks = {name: getattr(protection, name) for name in ("ssim", "psnr", "skin_change", "skin_tint", "patchiness")}
    looks |= {"visibility": None if protection.visibility != protection.visibility else protection.visibility}
    return {
        "outcome": protection.state,
        "words": protection.words,
        "aim": protection.aim,
        "compared_with": protection.against,
        "looks": looks,
        "readings": readings,
        "steps": protection.steps,
        "seconds": protection.seconds,
    }


def _rounded(score: float | None) -> float | str:
    return "" if score is None or score != score else round(score, 4)
