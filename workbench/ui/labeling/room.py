"""The study this process serves: opened on first use, kept until the process ends, pushed out when it does."""

import atexit
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import numpy as np
import pandas as pd

from workbench.bench import Workbench
from workbench.catalog.generation import NOBODY
from workbench.labeling.serving.access import Gate, owner_token
from workbench.labeling.serving.folders import (
    check_there,
    choose_folder,
    chosen_folder,
    demo_folder,
    open_folder,
    studies_folder,
)
from workbench.labeling.serving.owner import Owner
from workbench.labeling.serving.rights import roles_of
from workbench.labeling.serving.service import Service, open_beside, open_service, stop_on_signals
from workbench.labeling.store import members
from workbench.labeling.store.members import Member
from workbench.labeling.study.demo import Sample, build_demo, vary
from workbench.labeling.study.study import FILE, Study
from workbench.settings import Settings

__all__ = ["Room", "faces_of_nobody", "gate", "studies_folder", "with_owner_token"]

log = logging.getLogger("workbench")
PEOPLE = 16
"""Faces of nobody that ship."""
_rooms: WeakKeyDictionary[Workbench, WeakSet["Room"]] = WeakKeyDictionary()
"""Rooms of a workbench, so that other tabs can say that a study was added to."""
_gates: WeakKeyDictionary[Workbench, Gate] = WeakKeyDictionary()
"""One per workbench, so that wrong tokens are counted wherever they are tried."""


class Room:
    """Where raters and the owner meet one study. Opening it builds the demo study when no other is chosen."""

    def __init__(self, bench: Workbench, folder: Path | None = None, interval: float = 60.0) -> None:
        """folder: the study's; None means the one chosen in the data folder, at first the demo."""
        self._bench, self._folder, self._interval = bench, folder, interval
        self._service: Service | None = None
        self._others: dict[str, Service] = {}
        self._lock = threading.Lock()
        _rooms.setdefault(bench, WeakSet()).add(self)
        stop_on_signals(self.stop)
        atexit.register(self.stop, 10.0)

    def service(self, name: str = "") -> Service:
        """The running study, or another one that is open, by its name; all share one database and one way to the Hub.

        Raises StudyError, or BadWeights when the faces of the demo study are damaged.
        """
        first = self._first()
        if name in ("", first.study.name):
            return first
        folder = open_folder(self._bench.settings, name)
        with self._lock:
            if name not in self._others:
                self._others[name] = open_beside(first, with_owner_token(self._bench.settings), folder)
            return self._others[name]

    def renew(self, name: str) -> None:
        """Read a study again that was added to, or forget one that was closed."""
        with self._lock:
            self._others.pop(name, None)

    def reread(self, name: str) -> None:
        """Serve a study that was edited as it is now; who judges it goes on."""
        with self._lock:
            first = self._service
            if first is None or name != first.study.name:
                self._others.pop(name, None)
                return
            fresh = open_beside(first, with_owner_token(self._bench.settings), first.study.folder)
            self._service = replace(first, study=fresh.study, desk=fresh.desk)

    def _first(self) -> Service:
        with self._lock:
            if self._service is None:
                folder = self._folder or chosen_folder(self._bench.settings)
                if not (folder / FILE).is_file() and folder == demo_folder(self._bench.settings):
                    build_demo(folder, faces_of_nobody(self._bench), vary)
                check_there(folder)
                settings = with_owner_token(self._bench.settings)
                self._service = open_service(settings, folder, interval=self._interval)
            return self._service

    def roles(self, asked: Mapping[str, Any]) -> list[Member]:
        """The roles of a member who asks; none for the owner and for strangers, for whom no study is opened."""
        if not asked.get("account") and not members.is_token(asked.get("token")):
            return []
        return roles_of(self._first().store, asked)

    def archived(self) -> list[str]:
        """Archived studies, as far as a database is open."""
        return self._service.store.in_state("archived") if self._service else []

    def check_owner(self, token: object, caller: str = "") -> None:
        """Raises NotAllowed unless `token` is the owner's; no study has to be open for that."""
        gate(self._bench).check(token, caller)

    def owner(self, name: str = "") -> Owner:
        """The owner's side of the running study, or of another open one."""
        here = [spec.id for spec in self._bench.here("recognition")]
        return Owner(self.service(name), gate(self._bench), here, self._score)

    def _score(self, study: Study, items: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
        from workbench.evaluation.pair_scores import score_items  # brings torch, which serving raters does not need

        return score_items(study, items, names, self._bench)

    def reopen(self, folder: Path) -> None:
        """Serve another study from now on: what waits is pushed first, and the choice is remembered."""
        self.stop(10.0)
        with self._lock:
            self._service, self._folder, self._others = None, folder, {}
        choose_folder(self._bench.settings, folder)

    def stop(self, seconds: float = 25.0) -> None:
        """Push what waits, if a study was opened at all."""
        service = self._service
        if service is not None and not service.stop(seconds):
            log.warning("%d rows wait for the next start: %s", service.outbox.waiting(), service.outbox.last_error)


def faces_of_nobody(bench: Workbench) -> Sample:
    """Faces for the demo study: the drawn portraits that ship, round after round in another order, so that nobody
    stands beside themselves."""
    gallery = bench.generator(NOBODY)

    def sample(n: int, seed: int) -> list[np.ndarray]:
        rng, faces = np.random.default_rng(seed), gallery(PEOPLE)
        rounds = [rng.permutation(PEOPLE) for _ in range(-(-n // PEOPLE))]
        return [faces[place] for place in np.concatenate(rounds)[:n]]

    return sample


def renewed(bench: Workbench, name: str) -> None:
    """Tell every room of this workbench that a study was made or added to."""
    for room in list(_rooms.get(bench, ())):
        room.renew(name)


def gate(bench: Workbench) -> Gate:
    """What lets the owner in. Raises StudyError when the token that is set is too weak or the file cannot be kept."""
    if bench not in _gates:
        _gates[bench] = Gate(owner_token(bench.settings))
    return _gates[bench]


def with_owner_token(settings: Settings) -> Settings:
    """The same settings with the owner's token in them."""
    return replace(settings, owner_token=owner_token(settings))
