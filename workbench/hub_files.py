"""Downloads single files from the Hugging Face Hub, resuming what an earlier try left, with progress that can cancel.

The only module besides labeling's and publish's that speaks to the Hub. Tokens are passed on, never written or logged.
"""

from pathlib import Path
from typing import Any

from workbench.errors import SourceUnreachable, WorkbenchError
from workbench.settings import Settings


def download(repository: str, commit: str, name: str, settings: Settings, progress: Any) -> tuple[Path, str]:
    """The path of `name` at `commit` ("" means the newest), and the commit it came from.

    Raises SourceUnreachable with what the Hub answered (401, 404, 429, 5xx, stalled), Cancelled when progress says so.
    """
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    token = settings.hub_token or False
    folder = settings.cache / "hub-part" / repository.replace("/", "+")
    try:
        commit = commit or str(HfApi(token=token).model_info(repository, timeout=30).sha)
        path = hf_hub_download(
            repository, name, revision=commit, local_dir=folder, token=token, tqdm_class=_reporting(progress, name)
        )
    except WorkbenchError:
        raise
    except GatedRepoError as error:
        raise SourceUnreachable(f"{repository} is gated: accept its terms on the Hub and set HF_TOKEN, then fetch again.") from error
    except RepositoryNotFoundError as error:
        raise SourceUnreachable(f"The Hub knows no repository {repository} (or it is private and needs HF_TOKEN).") from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no"
        raise SourceUnreachable(f"The Hub answered {status} for {repository}/{name}. Wait a minute, then fetch again.") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno == 28:
            raise SourceUnreachable(f"The disk is full: free some room under {settings.cache}, then fetch again.") from error
        raise SourceUnreachable(f"Could not reach the Hub for {repository}/{name} ({type(error).__name__}). Check the connection.") from error
    return Path(path), commit


def _reporting(progress: Any, name: str) -> Any:
    """A tqdm that tells `progress` instead of the terminal."""
    from tqdm.auto import tqdm

    class Reporting(tqdm):  # type: ignore[type-arg]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": False, "file": _Nowhere()})

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            progress(int(self.n), int(self.total or 0), name)
            return shown

    return Reporting


class _Nowhere:
    """A file that forgets what is written to it."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        return None
