"""One place where whatever a damaged file makes a library raise becomes a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.errors import BadWeights, WorkbenchError


@contextmanager
def whole(path: Path, kind: str = "") -> Iterator[None]:
    """Inside, a file is read that may break off. Raises BadWeights for every error that is not in words already.

    kind: what was expected. Readers of zips, pickles and heads raise whatever they like for bytes they never met
    (UnicodeDecodeError, NotImplementedError, AssertionError, struct.error …), so none of it is told apart.
    """
    try:
        yield
    except WorkbenchError:
        raise
    except Exception as error:
        first = said(error, path)[:120]
        expected = f": expected {kind}; it" if kind else ""
        raise BadWeights(
            f"{path.name}{expected} breaks off or is damaged ({type(error).__name__}: {first}). Delete it and fetch it "
            f"again."
        ) from error


def said(error: Exception, path: Path) -> str:
    """The first line of what a library has against a file, without the folders it lies in: visitors may read it."""
    return str(error).replace(str(path), path.name).partition("\n")[0]
