"""Where studies lie in the data folder, and which of them is served."""

from pathlib import Path

from filelock import FileLock

from workbench.errors import StudyError
from workbench.labeling.serving.words import WORDS
from workbench.labeling.study.study import FILE
from workbench.settings import Settings


def studies_folder(settings: Settings) -> Path:
    """Where studies made here are kept."""
    return settings.data / "studies"


def demo_folder(settings: Settings) -> Path:
    """Where the demo study is built."""
    return studies_folder(settings) / "demo"


def studies(settings: Settings) -> list[str]:
    """Names of the studies that are here; half-made ones are not."""
    found = (path.parent.name for path in studies_folder(settings).glob(f"*/{FILE}"))
    return sorted(name for name in found if not name.startswith("."))


def chosen_folder(settings: Settings) -> Path:
    """The study to serve: the one chosen last, else the demo. It may be gone."""
    try:
        noted = (studies_folder(settings) / "serving").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        noted = ""
    return Path(noted) if noted else demo_folder(settings)


def choose_folder(settings: Settings, folder: Path) -> None:
    """Remember which study to serve at the next start."""
    note = studies_folder(settings) / "serving"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(str(folder.resolve()), encoding="utf-8")


def opened(settings: Settings) -> list[str]:
    """Studies that raters may open by their name, besides the one that is served."""
    try:
        lines = (studies_folder(settings) / "open").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    here = set(studies(settings))
    return [name for name in dict.fromkeys(lines) if name in here]


def set_opened(settings: Settings, name: str, is_open: bool) -> None:
    """Let raters open a study by its name, or no more. Raises StudyError when there is none of that name."""
    if name not in studies(settings):
        raise StudyError(f"There is no study {name[:60]!r} here.")
    note = studies_folder(settings) / "open"
    with FileLock(note.with_name(".open.lock")):
        names = [other for other in opened(settings) if other != name] + [name] * is_open
        note.write_text("".join(f"{one}\n" for one in names), encoding="utf-8")


def open_folder(settings: Settings, name: str) -> Path:
    """The folder of a study that raters may open. Raises StudyError, the same for all others."""
    if name not in opened(settings):
        raise StudyError(WORDS["no_study"])
    return studies_folder(settings) / name


def check_there(folder: Path) -> None:
    """Raises StudyError, naming the study but not the place, when its folder holds no study file (any more)."""
    if not (folder / FILE).is_file():
        raise StudyError(
            f"The study {folder.name!r} is not on this server any more. Its owner can serve another one in the owner's "
            "view."
        )
