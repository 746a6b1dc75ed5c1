"""Where studies lie in the data folder, and which of them is served."""

from pathlib import Path

from workbench.errors import StudyError
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


def check_there(folder: Path) -> None:
    """Raises StudyError, naming the study but not the place, when its folder holds no study file (any more)."""
    if not (folder / FILE).is_file():
        raise StudyError(
            f"The study {folder.name!r} is not on this server any more. Its owner can serve another one in the owner's "
            "view."
        )
