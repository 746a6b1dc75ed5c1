"""Reads a data set of judgements as others do: by its card's configs and declared features, with pyarrow and pandas
alone.

For a folder that holds what the Hub holds: a snapshot, a clone, or the local folder that stands in for the Hub.
"""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from workbench.errors import StudyError

TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "float64": pa.float64(),
    "float32": pa.float32(),
    "bool": pa.bool_(),
}
"""The feature types that a card of ours declares."""


def read_card(folder: Path) -> dict[str, Any]:
    """The front matter of a data set's README.md. Raises StudyError when there is none."""
    import yaml

    path = folder / "README.md"
    parts = path.read_text(encoding="utf-8").split("---\n", 2) if path.is_file() else []
    if len(parts) < 3 or parts[0].strip():
        raise StudyError(f"{path}: expected a data set's card that begins with ---, found none.")
    try:
        front = yaml.safe_load(parts[1])
    except yaml.YAMLError as error:
        raise StudyError(f"{path}: its front matter is not YAML: {str(error).splitlines()[0]}.") from error
    return front if isinstance(front, dict) else {}


def configs(folder: Path) -> tuple[str, ...]:
    """Names of the configs that a data set offers, the default first."""
    found = read_card(folder).get("configs", [])
    return tuple(config["config_name"] for config in sorted(found, key=lambda config: not config.get("default", False)))


def load_arrow(folder: Path, config: str = "") -> pa.Table:
    """All rows of one config ("" is the default one) as an Arrow table with exactly the declared features.

    Raises StudyError for an unknown config, a pattern without files, undeclared features, or a file whose columns
    differ from them.
    """
    card, names = read_card(folder), configs(folder)
    name = config or (names[0] if names else "")
    if name not in names:
        raise StudyError(f"{folder.name}: expected a config among {', '.join(names) or 'none'}, got {config!r}.")
    entry = next(one for one in card["configs"] if one["config_name"] == name)
    patterns = [files["path"] for files in entry["data_files"]]
    files = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    if not files:
        raise StudyError(f"{folder.name}: config {name!r} names {', '.join(patterns)}, and no file is there.")
    schema = declared(card, name)
    return pa.concat_tables([_read(path, schema) for path in files])


def load(folder: Path, config: str = "") -> pd.DataFrame:
    """The same as a DataFrame; absent values are None or NaN."""
    return load_arrow(folder, config).to_pandas()


def load_labels(folder: Path) -> pd.DataFrame:
    """Every label that is still wanted: compacted and recent rows, each once, without those of raters who withdrew."""
    there = configs(folder)
    parts = [load(folder, name) for name in there if name in ("labels", "labels_recent")]
    if not parts:
        raise StudyError(f"{folder.name}: expected a config labels or labels_recent, got {', '.join(there) or 'none'}.")
    rows = pd.concat(parts, ignore_index=True).drop_duplicates("label", ignore_index=True)
    gone = [load(folder, name) for name in there if name in ("withdrawals", "withdrawals_recent")]
    left = {(study, rater) for table in gone for study, rater in zip(table["study"], table["rater"], strict=True)}
    kept = [(study, rater) not in left for study, rater in zip(rows["study"], rows["rater"], strict=True)]
    return rows[kept].reset_index(drop=True)


def declared(card: dict[str, Any], config: str) -> pa.Schema:
    """The features that a card declares for a config, as an Arrow schema. Raises StudyError when it declares none or
    unknown ones."""
    known = card.get("dataset_info", [])
    described = next(
        (one for one in (known if isinstance(known, list) else [known]) if one.get("config_name") == config), None
    )
    if not described or not described.get("features"):
        raise StudyError(f"Card: expected features of config {config!r} in dataset_info, found none.")
    strange = [feature["dtype"] for feature in described["features"] if feature.get("dtype") not in TYPES]
    if strange:
        raise StudyError(f"Card: expected feature types among {', '.join(TYPES)}, got {strange[0]!r}.")
    return pa.schema([(feature["name"], TYPES[feature["dtype"]]) for feature in described["features"]])


def _read(path: Path, schema: pa.Schema) -> pa.Table:
    import pyarrow.json
    import pyarrow.parquet as pq

    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
        else:
            options = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
            table = pyarrow.json.read_json(path, parse_options=options)
        if set(table.column_names) != set(schema.names):
            raise StudyError(
                f"{path.name}: expected the columns {', '.join(schema.names)}, got {', '.join(table.column_names)}."
            )
        return table.select(schema.names).cast(schema)
    except pa.ArrowException as error:
        raise StudyError(f"{path.name} does not follow its card: {str(error).splitlines()[0]}") from error
