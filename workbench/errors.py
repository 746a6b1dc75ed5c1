"""The tree of things a person may be told.

    WorkbenchError                 anything below; its text is a sentence for the person in front of the screen
    ├── BadImage                   the file or array is not a photo we can read
    │   └── ImageTooLarge          refused before it is decoded
    ├── BadVideo                   the file is not a clip we can read
    │   └── ClipTooLong            longer, or of larger pictures, than this machine was told to take
    ├── NoFace                     the photo holds no face we can find
    ├── FaceTooSmall               a face is there, but too small to work on
    ├── ManyFaces                  one face was needed, several were found
    ├── FacesLeft                  a saved photo still shows a face that was to be hidden
    ├── BadRequest                 a value from the browser, the API or the command line is not allowed
    ├── ModelMissing               the weights are not on this machine; says how to get them
    ├── BadWeights                 the weights are here but damaged, or belong to another model
    ├── SourceUnreachable          a download failed; says what to try
    ├── CannotWrite                the disk is full or may not be written to; ends a run, which goes on later
    ├── OutOfMemory                the model does not fit into this machine's memory; says by how much
    ├── Busy                       too much is asked of this machine at once; try again
    ├── Cancelled                  the person pressed Cancel
    ├── StudyError                 a labeling study or one of its files is wrong
    └── NotAllowed                 this call needs a right the caller has not shown

Code outside this package's tasks raises only from this tree; one place in `ui/common/events.py` turns it into a toast
and one place in `cli` into a line on stderr. Anything else that escapes is a bug.
"""

import copy


class WorkbenchError(Exception):
    """The root: its message says what was expected, what came, and what to do. Its numbers are fields."""

    def about(self, name: str) -> "WorkbenchError":
        """The same error, its sentence beginning with what it is about; every field stays."""
        again = copy.copy(self)
        again.args = (f"{name}: {self}",)
        return again


class BadImage(WorkbenchError):
    """The file or array is not a photo that can be read."""


class ImageTooLarge(BadImage):
    """The picture has more pixels or bytes than the limit; it was refused before decoding. got, most: in one unit."""

    def __init__(self, message: str, *, got: int = 0, most: int = 0) -> None:
        super().__init__(message)
        self.got, self.most = got, most


class BadVideo(WorkbenchError):
    """The file is not a clip that can be read."""


class ClipTooLong(BadVideo):
    """The clip is longer than the limit, or its pictures are larger. got, most: in one unit."""

    def __init__(self, message: str, *, got: float = 0, most: float = 0) -> None:
        super().__init__(message)
        self.got, self.most = got, most


class NoFace(WorkbenchError):
    """No face was found in the photo of `width` × `height` pixels."""

    def __init__(self, message: str = "", *, width: int = 0, height: int = 0) -> None:
        size = f" in {width} × {height} pixels" if width else ""
        super().__init__(message or f"No face was found{size}. Try a larger, brighter or less covered one.")
        self.width, self.height = width, height


class FaceTooSmall(WorkbenchError):
    """A face was found, but it has too few pixels for this task. pixels: its own; least: what the task needs."""

    def __init__(self, message: str, *, pixels: float = 0, least: float = 0) -> None:
        super().__init__(message)
        self.pixels, self.least = pixels, least


class ManyFaces(WorkbenchError):
    """One face was needed and `count` were found; says how to choose."""

    def __init__(self, message: str = "", *, count: int = 0) -> None:
        super().__init__(
            message
            or f"The photo has {count} faces. Choose one by its number (Face 1 is the largest), or crop the photo."
        )
        self.count = count


class FacesLeft(WorkbenchError):
    """What was saved was searched again and still shows faces that were to be hidden; a photo was thrown away.

    left: how many are still found. hidden: how many are not found any more. frames: of a clip, numbers from 0.
    """

    def __init__(self, message: str = "", *, left: int = 0, hidden: int = 0, frames: tuple[int, ...] = ()) -> None:
        super().__init__(
            message
            or f"Nothing was saved: of {left + hidden} faces that were to be hidden, {left} can still be found in the "
            "result. Choose silhouette, or more strength."
        )
        self.left, self.hidden, self.frames = left, hidden, frames


class BadRequest(WorkbenchError):
    """A value that came from outside is not one of those allowed."""


class ModelMissing(WorkbenchError):
    """The weights are not on this machine; the message holds the command that fetches them."""


class BadWeights(WorkbenchError):
    """The weights are damaged, were tampered with, or belong to another model."""


class SourceUnreachable(WorkbenchError):
    """A download failed; the message says what to try."""


class CannotWrite(WorkbenchError):
    """A file cannot be written: the disk is full, read-only or broken, which the next file would meet as well."""


class OutOfMemory(WorkbenchError):
    """The model, or what it was asked for, does not fit into memory; the message says what would."""


class Busy(WorkbenchError):
    """Others use what there is; the message says when to try again."""


class Cancelled(WorkbenchError):
    """The person asked for the work to stop."""


class StudyError(WorkbenchError):
    """A labeling study, or a file it names, is wrong."""


class NotAllowed(WorkbenchError):
    """The caller has not shown the right that this call needs."""


def first_line(error: BaseException, most: int = 200) -> str:
    """The first line of what a library's error says, at most so many characters; its kind when it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:most]
