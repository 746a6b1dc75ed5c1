"""Downloads single files from the Hugging Face Hub: resumed where an earlier try stopped, cancelled at once, checked by
hash.

Speaks to the Hub for weights; labeling and publish do so for their own. Tokens are passed on, never written or logged.
"""

import hashlib
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from workbench.errors import BadWeights, Cancelled, SourceUnreachable, WorkbenchError
from workbench.settings import Settings

WAITS = (1.0, 4.0)
"""Seconds to wait before another try when the Hub is busy or the line breaks; a try that brought bytes does not
count."""

PATIENCE = 20.0
"""Seconds without a byte before a download counts as stalled."""

SPARE = 50_000_000
"""Bytes that a download leaves free on the disk."""

_CHUNK = 1 << 18
_BUSY = (408, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Remote:
    """A file as the Hub describes it. location: where its bytes are. sha256: "" for small files, which have none
    there."""

    repository: str
    name: str
    commit: str
    location: str
    size: int
    sha256: str

    @property
    def title(self) -> str:
        """Repository and name, for messages."""
        return f"{self.repository}/{self.name}"


def download(repository: str, commit: str, name: str, settings: Settings, progress: Any) -> tuple[Path, str]:
    """The path of `name` at `commit` ("" means the newest), and the commit it came from.

    What arrived stays in the cache when the line breaks, the disk fills or a person cancels; the next call goes on from
    there. Raises SourceUnreachable (401, 404, 429, 5xx, stalled, a web page instead, disk full), BadWeights (bytes
    differ from the Hub's own hash), Cancelled when progress says so.
    """
    with _in_words(repository, name, settings):
        remote = _patiently(lambda: _describe(repository, commit, name, settings), progress, name)
        part = (
            settings.cache
            / "hub-part"
            / repository.replace("/", "+")
            / remote.commit[:12]
            / f"{name.replace('/', '+')}.part"
        )
        part.parent.mkdir(parents=True, exist_ok=True)
        _check_room(part, remote, settings)
        _patiently(lambda: _bring(remote, part, settings, progress), progress, name, part)
        _check(part, remote)
    return part, remote.commit


def _describe(repository: str, commit: str, name: str, settings: Settings) -> Remote:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    endpoint = settings.hub_endpoint or None
    url = hf_hub_url(repository, name, revision=commit or None, endpoint=endpoint)
    found = get_hf_file_metadata(url, token=settings.hub_token or False, timeout=PATIENCE, endpoint=endpoint)
    if not found.commit_hash or not re.fullmatch(r"[0-9a-f]{40}", found.commit_hash):
        raise SourceUnreachable(
            f"Something answered for {repository}/{name}, but not the Hub: a proxy or a network's login page? "
            "Open the Hub in a browser on this machine, then fetch again."
        )
    digest = found.etag or ""
    return Remote(
        repository, name, found.commit_hash, found.location, found.size or 0, digest if len(digest) == 64 else ""
    )


def _bring(remote: Remote, part: Path, settings: Settings, progress: Any) -> None:
    """Append what is missing of a file, from the byte where it stops."""
    here = part.stat().st_size if part.exists() else 0
    if remote.size and here > remote.size:
        part.unlink()
        here = 0
    if here and here == remote.size:
        return progress(here, remote.size, remote.name)
    with _stream(remote, here, settings) as response:
        _refuse_pages(response.headers, remote)
        resumed = response.status_code == 206
        done = here if resumed else 0
        with part.open("ab" if resumed else "wb") as target:
            for chunk in response.iter_bytes(_CHUNK):
                target.write(chunk)
                done += len(chunk)
                progress(done, remote.size or done, remote.name)
    if remote.size and done < remote.size:
        raise ConnectionError(f"the line broke after {done} of {remote.size} bytes")
    return None


@contextmanager
def _stream(remote: Remote, here: int, settings: Settings) -> Iterator[Any]:
    from huggingface_hub import get_session
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

    # a token is for the Hub alone, not for the store it points to
    home = urlsplit(settings.hub_endpoint or "https://huggingface.co").netloc
    token = settings.hub_token if settings.hub_token and urlsplit(remote.location).netloc == home else False
    headers = (
        build_hf_headers(token=token) | {"Accept-Encoding": "identity"} | ({"Range": f"bytes={here}-"} if here else {})
    )
    with get_session().stream(
        "GET", remote.location, headers=headers, timeout=PATIENCE, follow_redirects=True
    ) as response:
        hf_raise_for_status(response)
        yield response


def _refuse_pages(headers: Mapping[str, str], remote: Remote) -> None:
    if "text/html" in headers.get("content-type", "") and not remote.name.endswith((".html", ".htm")):
        raise SourceUnreachable(
            f"Expected the file {remote.title}, got a web page: a proxy or a network's login page? "
            "Open the Hub in a browser on this machine, then fetch again."
        )


def _check_room(part: Path, remote: Remote, settings: Settings) -> None:
    missing = remote.size - (part.stat().st_size if part.exists() else 0)
    free = shutil.disk_usage(part.parent).free
    if missing > 0 and free < missing + SPARE:
        raise SourceUnreachable(
            f"{remote.title} needs {missing / 1e6:.0f} MB more and the disk under {settings.cache} has "
            f"{free / 1e6:.0f} MB free. "
            "Free some room, or set WORKBENCH_CACHE to a larger disk, then fetch again."
        )


def _check(part: Path, remote: Remote) -> None:
    """The bytes against the Hub's own size and hash; what differs is deleted, so that the next try starts anew."""
    with part.open("rb") as stream:
        digest = (
            hashlib.file_digest(stream, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(stream)
        )
    size = part.stat().st_size
    if (remote.size and size != remote.size) or (remote.sha256 and digest != remote.sha256):
        part.unlink()
        raise BadWeights(
            f"{remote.title} arrived damaged or changed on its way: expected {remote.size} bytes with sha256 "
            f"{remote.sha256[:12]}…, "
            f"got {size} with {digest[:12]}…. Nothing was kept; fetch again."
        )


def _digest(stream: Any) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _patiently(step: Any, progress: Any, name: str, part: Path | None = None) -> Any:
    """Do a step again after a while when the Hub is busy or the line breaks, as long as there is hope."""
    tries = 0
    while True:
        before = part.stat().st_size if part and part.exists() else 0
        try:
            return step()
        except Exception as error:
            brought = bool(part and part.exists() and part.stat().st_size > before)
            if not _passing(error) or (tries := 0 if brought else tries + 1) > len(WAITS):
                raise
            _wait(max(WAITS[max(tries - 1, 0)], _asked_to_wait(error)), progress, before, name)


def _passing(error: Exception) -> bool:
    """Whether trying again may help: a busy server, a broken or silent line."""
    if isinstance(error, WorkbenchError):
        return False
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return status in _BUSY and _asked_to_wait(error) <= 10
    return (
        _silent(error)
        or isinstance(error, ConnectionError)
        or type(error).__name__ in ("RemoteProtocolError", "ReadError")
    )


def _silent(error: Exception) -> bool:
    return isinstance(error, TimeoutError) or type(error).__name__ in ("ReadTimeout", "ConnectTimeout", "PoolTimeout")


def _asked_to_wait(error: Exception) -> float:
    text = getattr(getattr(error, "response", None), "headers", {}).get("retry-after", "")
    return float(text) if str(text).isdecimal() else 0.0


def _wait(seconds: float, progress: Any, done: int, name: str) -> None:
    """Sleep in short breaths, so that Cancel works while waiting."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        progress(done, 0, name)
        time.sleep(min(left, 0.25))


@contextmanager
def _in_words(repository: str, name: str, settings: Settings) -> Iterator[None]:
    """Whatever goes wrong inside, as a sentence a person can act on."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    title = f"{repository}/{name}"
    try:
        yield
    except (WorkbenchError, Cancelled):
        raise
    except GatedRepoError as error:
        raise SourceUnreachable(
            f"{repository} is gated: accept its terms on the Hub and set HF_TOKEN, then fetch again."
        ) from error
    except RepositoryNotFoundError as error:
        raise SourceUnreachable(
            f"The Hub knows no repository {repository}, or it is private: then set HF_TOKEN to a token that may read "
            f"it and fetch again."
        ) from error
    except (EntryNotFoundError, RevisionNotFoundError) as error:
        why = "Its author may have moved it."
        if name in ("config.json", "preprocessor_config.json"):
            why = "Without it this is no image model that can be read here."
        raise SourceUnreachable(f"The Hub has {repository}, but not {name} at this commit. {why}") from error
    except HfHubHTTPError as error:
        raise SourceUnreachable(_refusal(title, error)) from error
    except Exception as error:
        raise SourceUnreachable(_breakdown(title, error, settings)) from error


def _refusal(title: str, error: Any) -> str:
    status = error.response.status_code if error.response is not None else 0
    if status == 401:
        return (
            f"The Hub refuses {title} (401): there is no such repository, or it is private. Then set HF_TOKEN to a "
            f"token that may "
            "read it; a token that is wrong is refused too."
        )
    if status == 403:
        return (
            f"The Hub refuses {title} (403): the token in HF_TOKEN may not read it. Set another one, then fetch again."
        )
    if status == 429:
        wait = _asked_to_wait(error)
        return (
            f"The Hub asks for fewer requests (429) at {title}. Wait "
            f"{f'{wait:.0f} seconds' if wait else 'some minutes'}, then fetch again."
        )
    if status >= 500:
        return f"The Hub is out of order or busy ({status}) at {title}. What arrived is kept; fetch again later."
    return f"The Hub answered {status or 'nothing'} for {title}. Fetch again later."


def _breakdown(title: str, error: Exception, settings: Settings) -> str:
    if isinstance(error, OSError) and error.errno in (28, 122):
        return (
            f"The disk is full at {title}: free some room under {settings.cache}, then fetch again; it goes on "
            f"where it stopped."
        )
    if type(error).__name__ == "OfflineModeIsEnabled":
        return f"HF_HUB_OFFLINE forbids fetching {title}. Unset it, then fetch again."
    if _silent(error):
        return f"The Hub fell silent for {PATIENCE:.0f} seconds at {title}. What arrived is kept; fetch again to go on."
    return (
        f"Could not reach the Hub for {title} ({type(error).__name__}). Check the connection, then fetch again; "
        f"what arrived is kept."
    )
