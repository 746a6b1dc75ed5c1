"""A running study: store, outbox and desk put together from the settings, started and stopped as one."""

import contextlib
import logging
import secrets
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from workbench.errors import StudyError
from workbench.labeling.hub.both import BothHubs
from workbench.labeling.hub.elsewhere import place_at
from workbench.labeling.hub.hub import Hub, HuggingFaceHub, LocalHub
from workbench.labeling.hub.keeping_clock import KeepingClock
from workbench.labeling.hub.outbox import Outbox
from workbench.labeling.serving.desk import Desk
from workbench.labeling.serving.tokens import Sealer, fingerprint, signing_secret
from workbench.labeling.store.replicas import announce, leave
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import Study, load_study
from workbench.settings import Settings

log = logging.getLogger(__name__)
SECONDS_TO_STOP = 25.0


@dataclass(frozen=True)
class Service:
    """Everything one study needs while it runs."""

    study: Study
    store: Store
    outbox: Outbox
    desk: Desk
    server: str = ""

    def stop(self, seconds: float = SECONDS_TO_STOP) -> bool:
        """Seal and push what waits; whether all of it is on the Hub."""
        done = self.outbox.stop(seconds)
        with contextlib.suppress(StudyError):  # a database that is gone forgets this server by itself
            leave(self.store.database, self.server)
        return done


def database_of(settings: Settings) -> str | Path:
    """Where judgements are kept: WORKBENCH_DATABASE_URL, else a file in the data folder."""
    return settings.database_url or settings.data / "labels.db"


def open_store(settings: Settings) -> Store:
    """The judgement database of the settings. Raises StudyError when it cannot be reached."""
    return Store(database_of(settings), mounted=settings.space, connections=settings.database_connections)


def hub_of(settings: Settings, study: str) -> Hub:
    """The data set and the further place named by the settings; without either (or when offline) a folder in the data
    folder that behaves like one. Raises StudyError for a place that cannot be."""
    address = settings.labels_url
    if settings.offline and not address.startswith("file:"):
        address = ""
    further = place_at(address, token=settings.hub_token) if address else None
    if settings.hub_dataset and not settings.offline:
        dataset = HuggingFaceHub(settings.hub_dataset, settings.hub_token)
        return BothHubs(dataset, further) if further else dataset
    return further or LocalHub(settings.data / "hub" / study)


def open_service(settings: Settings, folder: Path, *, interval: float = 60.0, hub: Hub | None = None) -> Service:
    """Load the study in `folder`, register its items and start pushing. Raises StudyError when the study is wrong."""
    study = load_study(folder)
    load_items(study)  # what is wrong with it is said before a database is opened
    store = open_store(settings)
    said = log.warning if store.database.alone else log.info
    said("judgements in %s", store.database.describe())
    outbox = Outbox(store, hub or hub_of(settings, study.name), interval=interval)
    secret = signing_secret(settings.data, settings.owner_token)
    desk = _desk(study, store, outbox, Sealer(secret), settings)
    server = secrets.token_hex(8)
    beats: list[Callable[[], None]] = [KeepingClock(outbox).tick]
    if not store.database.is_sqlite:
        beats.insert(0, partial(announce, store.database, server, fingerprint(secret), outbox.hub.place))
        beats[0]()
    outbox.beat = partial(_all, beats)
    outbox.start()
    return Service(study, store, outbox, desk, server)


def open_beside(other: Service, settings: Settings, folder: Path) -> Service:
    """Serve a further study in the same database, pushed with the other's. Raises StudyError when the study is
    wrong."""
    desk = _desk(load_study(folder), other.store, other.outbox, other.desk.sealer, settings)
    return Service(desk.study, other.store, other.outbox, desk)


def _desk(study: Study, store: Store, outbox: Outbox, sealer: Sealer, settings: Settings) -> Desk:
    items = load_items(study)
    store.add_study(study, items)
    return Desk(study, items, store, outbox, sealer, settings)


def _all(beats: Sequence[Callable[[], None]]) -> None:
    for beat in beats:
        beat()


def stop_on_signals(stop: Callable[[], Any]) -> None:
    """Call `stop` once on SIGTERM, then end as the signal asks; install it before the server starts. Main thread
    only."""
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)

    def ended(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stop()
        if callable(before):
            before(number, frame)
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, ended)
