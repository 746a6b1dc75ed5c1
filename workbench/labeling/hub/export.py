"""A study's judgements as a file: Parquet, CSV, JSON lines, crowd-kit's columns, or a zip that `datasets` loads.

Withdrawn and superseded rows are left out.
"""

import io
import zipfile

import pandas as pd

from workbench.errors import BadRequest
from workbench.labeling.hub.card import features_of, front_matter
from workbench.labeling.hub.formats import to_file
from workbench.labeling.store import entries
from workbench.labeling.store.entries import LABEL
from workbench.labeling.store.store import Store

FORMATS = ("parquet", "csv", "jsonl", "datasets", "crowd-kit")


def export(store: Store, study: str, kind: str) -> tuple[str, bytes]:
    """(file name, bytes) of a study's judgements. Raises BadRequest for another format."""
    if kind not in FORMATS:
        raise BadRequest(f"Export as one of {', '.join(FORMATS)}, not {str(kind)[:40]!r}.")
    table = store.judgements(study)
    if kind == "csv":
        return f"{study}.csv", to_file(table, "csv")
    if kind == "crowd-kit":
        return f"{study}-crowd-kit.csv", to_file(table, "crowd-kit")
    if kind == "jsonl":
        return f"{study}.jsonl", entries.to_lines(LABEL, _rows(table))
    if kind == "parquet":
        return f"{study}.parquet", entries.to_parquet(LABEL, _rows(table))
    return f"{study}.zip", _zipped(study, entries.to_parquet(LABEL, _rows(table)))


def _rows(table: pd.DataFrame) -> list[dict]:
    rows = table.rename(columns={"group": "grp"}).to_dict("records")
    for row in rows:
        row["value"] = None if pd.isna(row["value"]) else row["value"]
    return rows


def _zipped(study: str, parquet: bytes) -> bytes:
    files = [{"split": "train", "path": "data/labels.parquet"}]
    front = {
        "configs": [{"config_name": "labels", "data_files": files, "default": True}],
        "dataset_info": [{"config_name": "labels", "features": features_of(LABEL)}],
    }
    lines = [*front_matter(front), f"Judgements of the study `{study}`, current rows only.", ""]
    card = "\n".join(lines)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (("README.md", card.encode()), ("data/labels.parquet", parquet)):
            archive.writestr(zipfile.ZipInfo(f"{study}/{name}", (2020, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()
