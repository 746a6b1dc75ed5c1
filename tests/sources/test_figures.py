"""One file of figures, many writers: a writer changes its own entries only."""

from workbench.sources import figures


def test_updating_one_section_leaves_the_others(tmp_path) -> None:
    path = tmp_path / "figures.json"
    figures.update("parsing", {"compact": {"headline": "F 0.8"}}, path)
    figures.update("expression", {"fer": {"headline": "old"}, "other": {"headline": "stays"}}, path)

    figures.update("expression", {"fer": {"headline": "new"}}, path)

    assert figures.read("parsing", path) == {"compact": {"headline": "F 0.8"}}
    assert figures.read("expression", path) == {"fer": {"headline": "new"}, "other": {"headline": "stays"}}
    assert [item.name for item in tmp_path.iterdir()] == ["figures.json"], "no half-written file is left"


def test_nothing_measured_is_an_empty_section(tmp_path) -> None:
    assert figures.read("expression", tmp_path / "absent.json") == {}
