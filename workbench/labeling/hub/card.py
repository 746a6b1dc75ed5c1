"""The data set's card: configs that load, declared features, and a datasheet filled from the study itself."""

from collections import Counter
from html import escape
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from workbench.errors import StudyError
from workbench.labeling.hub.hub import Hub
from workbench.labeling.store import entries, keeping_times, readout, schema
from workbench.labeling.store.entries import DECISION, FOLDERS, LABEL, RATER, WITHDRAWAL
from workbench.labeling.store.store import Store
from workbench.labeling.study.study import Study, parse_study

_TITLES = {LABEL: "labels", RATER: "raters", WITHDRAWAL: "withdrawals", DECISION: "decisions"}


def card_for(store: Store, hub: Hub) -> bytes:
    """README.md for what the Hub holds now: a config per kind and format that has files, so that none is ever empty."""
    configs = _configs(hub)
    studies = store.database.run(lambda c: [dict(row) for row in c.execute(sa.select(schema.studies)).mappings()])
    front = {
        "license": "cc-by-nc-4.0",
        "pretty_name": "Judgements of faces",
        "tags": ["faces", "human-judgements", "similarity", "fairness"],
        "configs": [{key: value for key, value in config.items() if key != "kind"} for config in configs],
        "dataset_info": [
            {"config_name": config["config_name"], "features": features_of(config["kind"])} for config in configs
        ],
    }
    lines = [*front_matter(front), "# Judgements of faces", ""]
    lines += [
        (
            "Raters' answers, one row each, in the order they were given. Undone answers stay, named by `supersedes` of "  # noqa: E501
            "the row that"
        )
    ]
    lines += ["replaced them. Pictures are named by item and sha256 and are not part of this data set.", ""]
    if any(config["kind"] == DECISION for config in configs):
        lines += [
            "`decisions` holds the answers of those who decided about disputed items; raters' stay as they are.",
            "",
        ]
    for study in studies:
        lines += _datasheet(store, study["study"], study["toml"], study["sha256"])
    return ("\n".join(lines) + "\n").encode()


def _kept(store: Store, study: Study) -> list[str]:
    """How long this study keeps what, and what was erased so far because its time was over."""
    rule, erased = study.retention, len(readout.all_noted(store.database, study.name, keeping_times.ANSWERS))
    if not (rule.names or rule.answers or erased):
        return []
    times = [(rule.names, "raters' platform names"), (rule.answers, "answers")]
    told = " and ".join(f"{what} {days} days" for days, what in times if days) or "no limit any more"
    return [
        f"- **Kept**: {told} after a rater's last answer; all answers of {erased} raters were erased since "
        "because their time was over."
    ]


def _configs(hub: Hub) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for kind, folder in FOLDERS.items():
        for suffix, name in ((".parquet", ""), (".jsonl", "_recent")):
            where = f"{folder}-parquet" if suffix == ".parquet" else folder
            if any(path.endswith(suffix) for path in hub.listing(where)):
                files = [{"split": "train", "path": f"{where}/**/*{suffix}"}]
                found.append({"config_name": _TITLES[kind] + name, "data_files": files, "kind": kind})
    names = [config["config_name"] for config in found]
    for config in found:
        if config["config_name"] == ("labels" if "labels" in names else "labels_recent"):
            config["default"] = True
    return found


def front_matter(values: dict[str, Any]) -> list[str]:
    """The lines between the rules at the top of a card."""
    import yaml

    written = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=False)
    return ["---", *written.splitlines(), "---", ""]


def features_of(kind: str) -> list[dict[str, str]]:
    """A kind's declared features, as a card lists them."""
    return [{"name": name, "dtype": dtype} for name, dtype in entries.features(kind).items()]


def plain(text: str) -> str:
    """A study's own words in one line of Markdown: no tag, no line that begins something else."""
    return escape(" ".join(text.split()), quote=False)


def _datasheet(store: Store, study: str, toml: str, digest: str) -> list[str]:
    """Who was asked what, how, how often, and what the consent promised."""
    try:
        read = parse_study(toml, Path())
    except StudyError as error:  # a file that an earlier version took; its judgements are pushed all the same
        return [f"## Study `{study}`", "", f"- Its file (sha256 `{digest}`) is not read any more: {error}", ""]
    counts, coverage = readout.counts(store.database, study), readout.coverage(store.database, study)
    raters = readout.raters(store.database, study)
    asked = [plain(f"{question} ({', '.join(options)})") for question, options in read.demographics.items()]
    versions = Counter(raters["consent_version"]) if len(raters) else Counter()
    how = "adaptively, with the propensity stored" if read.assigning.adaptive else "least-filled first"
    answers = ", ".join(f"`{plain(a.key)}`" + (f" ({a.value:g})" if a.value is not None else "") for a in read.answers)
    return [
        f"## Study `{study}`",
        "",
        f"- **Question**: {plain(read.question)} Answers: {answers}, and `skip` with a reason.",
        f"- **Collected so far**: {counts['labels']} rows by {counts['raters']} raters, {counts['withdrawn']} "
        f"withdrawn; "
        f"{coverage['items']} items, {read.assigning.raters_per_item} raters wanted for each.",
        f"- **Pictures**: {'synthetic: they show no real person' if read.source.synthetic else 'see the study for where they come from'}.",  # noqa: E501
        f"- **Order**: sides are swapped at random and the swap stored; {read.blocks.gold} gold items and "
        f"{read.blocks.repeats} repeats "
        f"in every block of {read.blocks.size}; items are chosen {how}.",
        (
            f"- **Raters**: random ids. Platform names are kept elsewhere and never published. Asked of them: "
            f"{'; '.join(asked) or 'nothing'}."
        ),
        f"- **Consent**: version {', '.join(f'{name} ({n})' for name, n in versions.items()) or read.consent.version}, "
        f"from {read.consent.minimum_age} years of age. Who withdraws is left out of the next compaction.",
        *_kept(store, read),
        f"- **Pay**: {plain(read.crowd.pay) or 'none stated'}. "
        f"**Contact**: {plain(read.contact) or 'the owner of this data set'}.",
        f"- **Terms**: {plain(read.license)}. **Study file**: sha256 `{digest}`.",
        "- **Not for**: identifying people, or judging what a single person looks like.",
        "",
    ]
