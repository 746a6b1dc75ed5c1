"""How much memory is free, as a container's limit says it."""

from pathlib import Path

from workbench import memory


def test_a_limit_in_the_first_kind_of_control_group_was_not_seen(tmp_path: Path) -> None:
    """On a machine with control groups of the first version a container's limit counted for nothing."""
    group = tmp_path / "sys/fs/cgroup/memory"
    group.mkdir(parents=True)
    for name, text in (
        ("memory.limit_in_bytes", "1000000000\n"),
        ("memory.usage_in_bytes", "900000000\n"),
        ("memory.stat", "inactive_file 1\ntotal_inactive_file 50\ntotal_active_file 7\n"),
    ):
        (group / name).write_text(text)
    assert memory.free_bytes(root=tmp_path) == 100_000_057
    (group / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert memory.free_bytes(root=tmp_path) is None
