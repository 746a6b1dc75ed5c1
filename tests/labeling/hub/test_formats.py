"""Exports read back as the same table and load in the tools they are for."""

import io

import numpy as np
import pandas as pd
import pytest
from crowdkit.aggregation import MajorityVote

from tests.labeling.judged import judged
from workbench.errors import BadRequest
from workbench.labeling.hub.formats import from_file, to_file
from workbench.labeling.statistics import aggregate, simulation
from workbench.labeling.statistics.judgements import COLUMNS, counted


@pytest.fixture(scope="module")
def table():
    items = pd.DataFrame({"item": [f"{i:05d}" for i in range(60)], "same": np.arange(60) % 2 == 0, "group": "x, y"})
    rows = simulation.simulate(items, simulation.make_raters(8, seed=0), seed=0)
    rows.loc[3, "flags"] = "blur,known"
    rows.loc[4, ["answer", "value"]] = ["skip", np.nan]
    return rows


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_an_export_reads_back_as_the_same_table(table, kind):
    back = from_file(to_file(table, kind), kind)
    assert list(back.columns) == list(table.columns)
    for name in table.columns:
        expected = table[name]
        if name in ("shown_at", "answered_at"):
            assert (pd.to_datetime(back[name], utc=True) == expected.dt.floor("us")).all()
        elif name in ("value", "propensity", "response_ms"):
            assert back[name].to_numpy() == pytest.approx(expected.to_numpy(), nan_ok=True)
        else:
            assert back[name].tolist() == expected.tolist(), name


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_an_empty_table_can_be_exported(kind):
    assert list(from_file(to_file(judged([]), kind), kind).columns) in ([], ["label", *COLUMNS])


def test_crowd_kit_reads_its_three_columns_and_agrees(table):
    data = pd.read_csv(io.BytesIO(to_file(table, "crowd-kit")), dtype=str)
    assert list(data.columns) == ["task", "worker", "label"]
    assert len(data) == len(counted(table))
    majority = aggregate.majority(counted(table))["label"].dropna()
    assert (MajorityVote().fit_predict(data)[majority.index] == majority).all()


@pytest.mark.parametrize("evil", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "'quoted", "\tx"])
def test_a_cell_that_a_spreadsheet_would_run_is_made_text_and_comes_back(evil):
    rows = judged([("a", "r", "same_1")], group=evil)
    data = to_file(rows, "csv")
    assert f"'{evil}" in data.decode()
    assert from_file(data, "csv")["group"][0] == evil


def test_an_unknown_kind_is_refused(table):
    with pytest.raises(BadRequest, match="got 'xlsx'"):
        to_file(table, "xlsx")
    with pytest.raises(BadRequest, match="got 'crowd-kit'"):
        from_file(b"", "crowd-kit")
