"""Two Hubs as one: a judgement counts as pushed when both list it."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from workbench.labeling.hub.hub import Hub

_AT_ONCE = 50
"""Files that are copied together."""


class BothHubs:
    """The first leads, the second follows: every commit goes to the first, then to the second, and is done again until
    both hold it. What the second lacks of the first is copied when they are opened, and all of it back where the first
    holds nothing."""

    def __init__(self, first: Hub, second: Hub) -> None:
        """The data set first: it knows commits."""
        self.first, self.second = first, second
        self.name = f"{first.name} and {second.name}"

    @property
    def place(self) -> str:
        """Both places together."""
        return f"{self.first.place} {self.second.place}"

    def ensure(self) -> None:
        """Make both, and bring the second up to the first."""
        self.first.ensure()
        self.second.ensure()
        first, second = (self._shards(hub) for hub in (self.first, self.second))
        if not first:  # it was lost, or is new
            self._copy(self.second, self.first, second)
        self._copy(self.first, self.second, sorted({*first} - {*second}))

    def _shards(self, hub: Hub) -> list[str]:
        return [path for path in hub.look()[1] if path.startswith("data/")]

    def _copy(self, source: Hub, target: Hub, paths: Sequence[str]) -> None:
        for start in range(0, len(paths), _AT_ONCE):
            some = dict(source.read("data", paths[start : start + _AT_ONCE]))
            target.commit(some, (), f"Copy {len(some)} files of {source.name}", "")

    def holds(self, files: Mapping[str, bytes]) -> set[str]:
        """Which of these files both hold."""
        there = self.first.holds(files)
        return self.second.holds({path: files[path] for path in there}) if there else set()

    def listing(self, folder: str) -> list[str]:
        """Paths that either has."""
        return sorted({*self.first.listing(folder), *self.second.listing(folder)})

    def read(self, folder: str, paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """These files, from the first where it has them."""
        mine = set(self.first.look()[1]) & set(paths)
        yield from self.first.read(folder, mine)
        yield from self.second.read(folder, set(paths) - mine)

    def look(self) -> tuple[str, list[str]]:
        """The first's last commit, and the paths that either has."""
        head, paths = self.first.look()
        return head, sorted({*paths, *self.second.look()[1]})

    def commit(self, add: Mapping[str, bytes], delete: Sequence[str], message: str, parent: str) -> str:
        """To the first, unless it holds all of it already, then to the second."""
        left = set(add) - self.first.holds(add)
        head, there = self.first.look()
        gone = set(delete) & set(there)
        if left or gone:
            head = self.first.commit({path: add[path] for path in left}, sorted(gone), message, parent)
        self.second.commit(add, delete, message, "")
        return head

    def squash(self, message: str) -> None:
        """Both forget their history."""
        self.first.squash(message)
        self.second.squash(message)
