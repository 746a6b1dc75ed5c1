"""The study this process serves: opened on first use, kept until the process ends, pushed out when it does."""

import atexit
import logging
import os
import secrets
import threading
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from workbench.bench import Workbench
from workbench.labeling.serving.owner import Owner
from workbench.labeling.serving.service import Service, open_service, stop_on_signals
from workbench.labeling.study.demo import build_demo, vary
from workbench.labeling.study.study import FILE, Study
from workbench.settings import Settings

log = logging.getLogger("workbench")
GENERATOR = "dcgan-digiface-64"


class Room:
    """Where raters and the owner meet one study. Opening it builds the demo study when no other is chosen."""

    def __init__(self, bench: Workbench, folder: Path | None = None, interval: float = 60.0) -> None:
        """folder: the study's; None means the one chosen in the data folder, at first the demo."""
        self._bench, self._folder, self._interval = bench, folder, interval
        self._service: Service | None = None
        self._lock = threading.Lock()
        stop_on_signals(self.stop)
        atexit.register(self.stop, 10.0)

    def service(self) -> Service:
        """The running study. Raises StudyError, or ModelMissing when the demo study needs weights that are not here."""
        with self._lock:
            if self._service is None:
                folder = self._folder or chosen_folder(self._bench.settings)
                if not (folder / FILE).is_file() and folder == demo_folder(self._bench.settings):
                    build_demo(folder, self._bench.generator(GENERATOR), vary)
                settings = with_owner_token(self._bench.settings)
                self._service = open_service(settings, folder, interval=self._interval)
            return self._service

    def owner(self) -> Owner:
        """The owner's side."""
        here = [spec.id for spec in self._bench.specs("recognition") if self._bench.available(spec.id)]
        return Owner(self.service(), here, self._score)

    def _score(self, study: Study, items: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
        from workbench.evaluation.pair_scores import score_items  # brings torch, which serving raters does not need

        return score_items(study, items, names, self._bench)

    def reopen(self, folder: Path) -> None:
        """Serve another study from now on: what waits is pushed first, and the choice is remembered."""
        self.stop(10.0)
        with self._lock:
            self._service, self._folder = None, folder
        choose_folder(self._bench.settings, folder)

    def stop(self, seconds: float = 25.0) -> None:
        """Push what waits, if a study was opened at all."""
        service = self._service
        if service is not None and not service.stop(seconds):
            log.warning("%d rows wait for the next start: %s", service.outbox.waiting(), service.outbox.last_error)


def studies_folder(settings: Settings) -> Path:
    """Where studies made here are kept."""
    return settings.data / "studies"


def demo_folder(settings: Settings) -> Path:
    """Where the demo study is built."""
    return studies_folder(settings) / "demo"


def chosen_folder(settings: Settings) -> Path:
    """The study to serve: the one chosen last, else the demo."""
    note = studies_folder(settings) / "serving"
    return Path(note.read_text(encoding="utf-8").strip()) if note.is_file() else demo_folder(settings)


def choose_folder(settings: Settings, folder: Path) -> None:
    """Remember which study to serve at the next start."""
    note = studies_folder(settings) / "serving"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(str(folder.resolve()), encoding="utf-8")


def with_owner_token(settings: Settings) -> Settings:
    """The same settings with an owner token: WORKBENCH_OWNER_TOKEN, else one made once and kept, readable by this user
    only."""
    from dataclasses import replace

    if settings.owner_token:
        return settings
    path = settings.data / "owner.token"
    settings.data.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        handle = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_urlsafe(24))
        log.warning("the owner's token is in %s", path)
    return replace(settings, owner_token=path.read_text(encoding="utf-8").strip())
