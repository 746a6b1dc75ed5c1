"""Weights come from the Hub whole, verified and resumable, and everything that goes wrong is said in a sentence."""

import errno
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.hub_model_double import Fault, ModelHub, Trouble
from workbench.catalog.spec import File
from workbench.errors import BadWeights, Cancelled, SourceUnreachable
from workbench.settings import Settings
from workbench.sources import fetching as sources
from workbench.sources import hub as hub_files

DATA = np.random.Generator(np.random.PCG64(1)).bytes(3_000_000)
FILE = File("hub:owner/net:model.safetensors", size=len(DATA))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    monkeypatch.setattr(hub_files, "WAITS", (0.01, 0.01))
    monkeypatch.setattr(hub_files, "PATIENCE", 0.4)
    with ModelHub() as hub:
        hub.put("model", "owner/net", {"model.safetensors": DATA, "config.json": b"{}"})
        yield hub


@pytest.fixture
def home(tmp_path: Path, hub: ModelHub) -> Settings:
    return Settings(cache=tmp_path / "cache", data=tmp_path / "data", hub_endpoint=hub.address, hub_token="hf_secret")


def _parts(home: Settings) -> list[Path]:
    return [path for path in (home.cache / "hub-part").rglob("*") if path.is_file()]


def test_a_file_arrives_whole_with_progress_and_its_commit_is_noted(hub: ModelHub, home: Settings) -> None:
    told: list[tuple[int, int, str]] = []

    (path,) = sources.fetch([FILE], home, lambda *step: told.append(step))

    assert path.read_bytes() == DATA
    assert told[-1] == (len(DATA), len(DATA), "model.safetensors")
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert sources.locked(FILE, home)["commit"] == hub.repo("model", "owner/net").head
    assert _parts(home) == []


def test_the_token_goes_to_the_hub_and_not_to_the_store_it_points_to(hub: ModelHub, home: Settings) -> None:
    sources.fetch([FILE], home)

    assert hub.tokens == {"Bearer hf_secret", ""}
    assert hub.store_tokens == {""}


def test_a_small_file_comes_too_and_all_files_of_a_model_from_one_commit(hub: ModelHub, home: Settings) -> None:
    config = File("hub:owner/net:config.json")
    paths = sources.fetch([FILE, config], home)

    assert paths[1].read_bytes() == b"{}"
    assert sources.locked(config, home)["commit"] == sources.locked(FILE, home)["commit"]


def test_a_second_fetch_asks_for_the_noted_commit_even_when_the_author_moved_on(hub: ModelHub, home: Settings) -> None:
    (path,) = sources.fetch([FILE], home)
    hub.put("model", "owner/net", {"model.safetensors": b"something else"})
    path.unlink()

    (path,) = sources.fetch([FILE], home)

    assert path.read_bytes() == DATA


def test_a_pinned_commit_that_is_not_there_says_so(home: Settings) -> None:
    with pytest.raises(SourceUnreachable, match=r"not model.safetensors at this commit"):
        sources.fetch([replace(FILE, source=f"hub:owner/net@{'a' * 40}:model.safetensors")], home)


@pytest.mark.parametrize("kind", ["cut", "stall"])
def test_a_line_that_breaks_is_taken_up_where_it_broke(hub: ModelHub, home: Settings, kind: str) -> None:
    hub.trouble = [
        Trouble(kind, after=1_000_000, seconds=0 if kind == "cut" else 1),
        Trouble(kind, after=500_000, seconds=0),
    ]

    (path,) = sources.fetch([FILE], home)

    assert path.read_bytes() == DATA
    assert hub.ranges[0] == ""
    assert all(asked.startswith("bytes=") for asked in hub.ranges[1:])


def test_a_line_that_keeps_breaking_ends_in_words_and_the_next_fetch_goes_on(hub: ModelHub, home: Settings) -> None:
    hub.trouble = [Trouble("cut", after=600_000), *[Trouble("cut")] * 3]
    with pytest.raises(SourceUnreachable, match="what arrived is kept"):
        sources.fetch([FILE], home)
    kept = _parts(home)[0].stat().st_size

    (path,) = sources.fetch([FILE], home)

    assert 0 < kept <= 600_000
    assert hub.ranges[-1] == f"bytes={kept}-"
    assert path.read_bytes() == DATA


def test_a_hub_that_falls_silent_ends_in_words(hub: ModelHub, home: Settings) -> None:
    hub.trouble = [Trouble("stall", seconds=0.6)] * 4
    with pytest.raises(SourceUnreachable, match="fell silent"):
        sources.fetch([FILE], home)


def test_cancelling_stops_at_once_and_keeps_what_arrived(hub: ModelHub, home: Settings) -> None:
    def stop(done: int, total: int, name: str) -> None:
        if done > 1_000_000:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        sources.fetch([FILE], home, stop)
    kept = _parts(home)[0].stat().st_size
    assert sources.locate(FILE, home) is None
    assert 0 < kept < len(DATA)

    sources.fetch([FILE], home)

    assert hub.ranges[-1] == f"bytes={kept}-"


def test_cancelling_works_while_waiting_for_a_busy_hub(
    hub: ModelHub, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_files, "WAITS", (60.0, 60.0))
    hub.faults = [Fault("resolve", status=503)] * 4

    def stop(done: int, total: int, name: str) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        sources.fetch([FILE], home, stop)


def test_a_store_that_knows_no_ranges_starts_over(hub: ModelHub, home: Settings) -> None:
    hub.trouble = [Trouble("cut", after=1_000_000), Trouble("no_range")]

    assert sources.fetch([FILE], home)[0].read_bytes() == DATA


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hub_that_is_busy_for_a_moment_is_asked_again(hub: ModelHub, home: Settings, status: int) -> None:
    hub.faults = [Fault("resolve", status=status)]
    hub.trouble = [Trouble("status", status=status)]

    assert sources.fetch([FILE], home)[0].read_bytes() == DATA


@pytest.mark.parametrize(
    ("status", "words"), [(429, "fewer requests"), (503, "out of order or busy"), (403, "refuses"), (401, "HF_TOKEN")]
)
def test_a_hub_that_keeps_refusing_is_quoted_in_words(hub: ModelHub, home: Settings, status: int, words: str) -> None:
    hub.faults = [Fault("resolve", status=status)] * 5

    with pytest.raises(SourceUnreachable, match=words):
        sources.fetch([FILE], home)


def test_a_repository_that_does_not_exist_or_is_private_says_so(home: Settings) -> None:
    with pytest.raises(SourceUnreachable, match="no such repository, or it is private"):
        sources.fetch([replace(FILE, source="hub:owner/none:model.safetensors")], home)


def test_a_file_that_does_not_exist_says_so(home: Settings) -> None:
    with pytest.raises(SourceUnreachable, match=r"has owner/net, but not other\.safetensors"):
        sources.fetch([replace(FILE, source="hub:owner/net:other.safetensors")], home)


def test_a_gated_repository_says_what_to_accept(hub: ModelHub, home: Settings) -> None:
    hub.gated.add("owner/net")

    with pytest.raises(SourceUnreachable, match="accept its terms"):
        sources.fetch([FILE], home)


def test_a_login_page_in_place_of_the_hub_is_not_taken_for_weights(hub: ModelHub, home: Settings) -> None:
    hub.login_page = True

    with pytest.raises(SourceUnreachable, match="login page"):
        sources.fetch([FILE], home)


def test_a_login_page_in_place_of_the_bytes_is_not_taken_for_weights(hub: ModelHub, home: Settings) -> None:
    hub.trouble = [Trouble("page")]

    with pytest.raises(SourceUnreachable, match="web page"):
        sources.fetch([FILE], home)
    assert _parts(home) == []


def test_bytes_that_changed_on_the_way_are_refused_and_not_kept(hub: ModelHub, home: Settings) -> None:
    hub.trouble = [Trouble("tamper")]

    with pytest.raises(BadWeights, match="damaged or changed"):
        sources.fetch([FILE], home)
    assert _parts(home) == []


def test_weights_that_are_not_the_ones_on_record_are_refused(home: Settings) -> None:
    with pytest.raises(BadWeights, match="expected sha256 000000000000"):
        sources.fetch([replace(FILE, sha256="0" * 64)], home)
    assert sources.locate(FILE, home) is None


def test_a_disk_without_room_is_told_before_the_first_byte(
    hub: ModelHub, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(hub_files.shutil, "disk_usage", lambda path: usage(10**9, 10**9, 10**6))

    with pytest.raises(SourceUnreachable, match="needs 3 MB more"):
        sources.fetch([FILE], home)
    assert hub.ranges == []


def test_a_disk_that_fills_up_on_the_way_is_told_in_words(home: Settings) -> None:
    def full(done: int, total: int, name: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(SourceUnreachable, match="disk is full"):
        sources.fetch([FILE], home, full)


def test_no_hub_at_all_says_check_the_connection(home: Settings) -> None:
    with pytest.raises(SourceUnreachable, match="Could not reach the Hub"):
        sources.fetch([FILE], replace(home, hub_endpoint="http://127.0.0.1:9"))
