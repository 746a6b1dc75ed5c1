"""The tables of the store, as they are after all migrations. A test compares this file with what the migrations build.

`labels`, `decisions` and `tombstones` only ever grow (compaction alone removes what people withdrew); everything else
may be rebuilt from them.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnClause,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    literal_column,
    text,
)

metadata = MetaData()

EMPTY: ColumnClause[str] = literal_column("''")
"""Written out in queries, so that both databases see that a partial index fits."""


def _partial(name: str, *columns: str, where: str, unique: bool = True) -> Index:
    """An index over the rows for which a condition in SQL holds, in both databases."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


studies = Table(
    "studies",
    metadata,
    Column("study", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("toml", Text, nullable=False),
    Column("state", Text, nullable=False),  # open | paused | archived
    Column("loaded_at", Text, nullable=False),
)

items = Table(
    "items",
    metadata,
    Column("study", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("pictures", Text, nullable=False),  # JSON: [[file, sha256], ...]
    Column("grp", Text, nullable=False),
    Column("gold", Text, nullable=False),
    Column("truth", Text, nullable=False),
    Column("conflict", Text, nullable=False),  # words joined with |
    Column("is_gold", Boolean, nullable=False),
    Column("pos", BigInteger, nullable=False),  # a random place in the order
    Column("target", Integer, nullable=False),  # judgements wanted
    Column("filled", Integer, nullable=False),  # judgements there, and leases out
    Column("is_open", Boolean, nullable=False),  # filled < target, or gold
    Column("edition", Integer, nullable=False, server_default="1"),  # since which it is as it is
    Index("ix_items_least_filled", "study", "is_gold", "is_open", "filled", "pos"),
    Index("ix_items_anywhere", "study", "is_gold", "is_open", "pos"),
)

raters = Table(
    "raters",
    metadata,
    Column("study", Text, primary_key=True),
    Column("rater", Text, primary_key=True),
    Column("consent_version", Text, nullable=False),
    Column("consented_at", Text, nullable=False),
    Column("demographics", Text, nullable=False),  # JSON object
    Column("state", Text, nullable=False),  # active | blocked | withdrawn
    Column("role", Text, nullable=False, server_default=""),  # adjudicator, or ""
    Column("given", Integer, nullable=False),  # items handed out so far: the next one's number
    Column("answered", Integer, nullable=False),
    Column("seen_at", Text, nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("study", Text, primary_key=True),
    Column("rater", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Index("ix_people_value", "study", "name", "value"),
)

leases = Table(
    "leases",
    metadata,
    Column("lease", Text, primary_key=True),
    Column("study", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("rater", Text, nullable=False),
    Column("purpose", Text, nullable=False),  # item | gold | repeat | revision | decision
    Column("number", Integer, nullable=False),
    Column("block", Integer, nullable=False),
    Column("swapped", Boolean, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("propensity", Float, nullable=False),
    Column("repeat_of", Text, nullable=False),
    Column("supersedes", Text, nullable=False),
    Column("issued_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index("ix_leases_expiry", "expires_at"),
    Index("ix_leases_rater", "study", "rater", "item"),
    _partial("ux_leases_item_rater", "study", "item", "rater", where="repeat_of = '' AND supersedes = ''"),
)


def _answered() -> list[Column[Any]]:
    """The columns of an answer: a rater's, or that of who decides about a disputed item."""
    return [
        Column("label", Text, primary_key=True),  # the lease it answers
        Column("study", Text, nullable=False),
        Column("item", Text, nullable=False),
        Column("rater", Text, nullable=False),
        Column("task_type", Text, nullable=False),
        Column("answer", Text, nullable=False),
        Column("value", Float, nullable=True),
        Column("correct", Boolean, nullable=True),
        Column("is_gold", Boolean, nullable=False),
        Column("is_repeat", Boolean, nullable=False),
        Column("repeat_of", Text, nullable=False),
        Column("swapped", Boolean, nullable=False),
        Column("seed", Integer, nullable=False),
        Column("response_ms", Integer, nullable=False),
        Column("shown_at", Text, nullable=False),
        Column("answered_at", Text, nullable=False),
        Column("flags", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("number", Integer, nullable=False),
        Column("block", Integer, nullable=False),
        Column("grp", Text, nullable=False),
        Column("propensity", Float, nullable=False),
        Column("supersedes", Text, nullable=False),
        Column("study_sha256", Text, nullable=False),
    ]


labels = Table(
    "labels",
    metadata,
    *_answered(),
    Index("ix_labels_item", "study", "item"),
    Index("ix_labels_number", "study", "rater", "number"),
    _partial("ux_labels_item_rater", "study", "rater", "item", "is_repeat", where="supersedes = ''"),
    _partial("ux_labels_supersedes", "supersedes", where="supersedes != ''"),
)

decisions = Table(
    "decisions",
    metadata,
    *_answered(),
    Index("ix_decisions_rater", "study", "rater"),
    _partial("ux_decisions_item_rater", "study", "item", "rater", where="supersedes = ''"),
    _partial("ux_decisions_supersedes", "supersedes", where="supersedes != ''"),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("study", Text, primary_key=True),
    Column("rater", Text, primary_key=True),
    Column("withdrawn_at", Text, nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("entry", Text, primary_key=True),  # kind:study:key
    Column("study", Text, nullable=False),
    Column("kind", Text, nullable=False),  # label | decision | rater | withdrawal
    Column("key", Text, nullable=False),
    Column("rater", Text, nullable=False),
    Column("shard", Text, nullable=False),  # "" until sealed
    Index("ix_entries_shard", "shard"),
    Index("ix_entries_rater", "study", "rater"),
    _partial("ix_entries_open", "study", "kind", where="shard = ''", unique=False),
)

shards = Table(
    "shards",
    metadata,
    Column("shard", Text, primary_key=True),
    Column("study", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("sealed_at", Text, nullable=False),
    Column("pushed_at", Text, nullable=False),  # "" until the Hub lists it
    Column("hub_commit", Text, nullable=False),
    Index("ix_shards_pushed", "study", "pushed_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=True),
    Column("at", Text, nullable=False),
    Column("study", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

practice = Table(
    "practice",
    metadata,
    Column("study", Text, primary_key=True),
    Column("rater", Text, primary_key=True),
    Column("step", Integer, nullable=False),
    Column("understood", Boolean, nullable=False),
    Column("number", Integer, nullable=False),
    Column("right_ones", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("passed", Boolean, nullable=False),
)

members = Table(
    "members",
    metadata,
    Column("study", Text, primary_key=True),
    Column("name", Text, primary_key=True),  # "hub:" and an account, for who is known by it
    Column("role", Text, nullable=False),  # owner | adjudicator | reader
    Column("token", Text, nullable=False),  # a fingerprint, "" for a Hub account
    Column("added_at", Text, nullable=False),
    Index("ix_members_token", "token"),
)

editions = Table(
    "editions",
    metadata,
    Column("study", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sha256", Text, nullable=False),  # what answers name it by
    Column("at", Float, nullable=False),  # in force from then on, seconds since 1970; 0 for the first
    Column("who", Text, nullable=False),
    Column("toml", Text, nullable=False),
    Column("changed", Text, nullable=False),  # JSON: item → its pictures before
    Index("ix_editions_sha256", "study", "sha256"),
)

lives = Table(
    "lives",
    metadata,
    Column("life", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("boot", Text, nullable=False),
    Column("opened_at", Float, nullable=False),
    Column("began_empty", Boolean, nullable=False),
    Column("wiped", Boolean, nullable=False),
    Column("receipts_at", Float, nullable=False),
)

servers = Table(
    "servers",
    metadata,
    Column("server", Text, primary_key=True),
    Column("secret", Text, nullable=False),  # a fingerprint
    Column("hub", Text, nullable=False),
    Column("seen_at", Float, nullable=False),  # seconds since 1970, by the database's clock
)
