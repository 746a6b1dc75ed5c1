"""The tables of a study file but the first: consent, blocks, assignment, exclusion, crowd, demographics, texts, items.
Each is a value, and read and checked by a function of its name."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from workbench.errors import StudyError
from workbench.labeling.study.tables import Table

RATER_COLUMNS = ("rater", "state", "answered", "given", "seen_at", "consent_version", "consented_at")
"""What is kept of every rater. A question asked of raters becomes a column beside these, under another name."""
LEAST = 10
"""Answers for the completion code, unless the study says otherwise."""
OUTCOMES = ("complete", "failed_checks", "no_consent", "full", "screened_out")
"""How a rater's visit can end; each may have a code of the crowd platform."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What a rater agrees to before the first face. version: stored with every rater."""

    version: str
    text: str
    minimum_age: int


@dataclass(frozen=True, slots=True)
class Blocks:
    """How a rater's session is cut up. size: items per block, of which `gold` are gold and `repeats` are shown again.

    repeat_gap: at least this many items between the first showing and the repeat. break_seconds: pause offered between
    blocks.
    """

    size: int = 30
    gold: int = 2
    repeats: int = 1
    repeat_gap: int = 10
    break_seconds: int = 20


@dataclass(frozen=True, slots=True)
class Assigning:
    """Who gets which item. conflict_gap: no two items of one conflict word within this many. adaptive: uncertain items
    first.

    explore: share of adaptive choices that are made blindly, so that averages can be corrected by the stored
    propensity. certain: an item is asked no more when its class is at least this certain after `least` raters, each
    taken to be right `accuracy` of the time; 0 asks all `raters_per_item`.
    """

    raters_per_item: int = 5
    lease_seconds: int = 900
    most_per_rater: int = 200
    conflict_gap: int = 0
    adaptive: bool = False
    explore: float = 0.2
    undo_window: int = 10
    certain: float = 0.0
    least: int = 3
    accuracy: float = 0.8


@dataclass(frozen=True, slots=True)
class Exclusion:
    """When a rater is flagged or excluded; every verdict names its rule, nothing is dropped silently.

    gold_accuracy: lowest accepted share on gold. floor_ms: answers faster than this are too fast, of which `fast_share`
    may be.
    straight_share: most of one answer. consistency: lowest share of repeats answered alike. agreement: lowest with
    the others, corrected for chance (0: guessing, 1: always the others' answer). smallest: fewer observations than this
    raise no flag.
    """

    gold_accuracy: float = 0.6
    floor_ms: int = 400
    fast_share: float = 0.1
    straight_share: float = 0.9
    consistency: float = 0.5
    agreement: float = 0.2
    smallest: int = 5


@dataclass(frozen=True, slots=True)
class Crowd:
    """A crowd platform. parameters: URL parameter → the private name it is kept under. codes: outcome → completion
    code.

    least: answers for the code "complete", not counting skips and those faster than `Exclusion.floor_ms`; who was given
    fewer items needs as many as they were given. "full" is the outcome of who came when nothing was left.
    reward: for a whole visit, in `currency`; pay per hour is then told.
    """

    parameters: dict[str, str]
    return_url: str
    codes: dict[str, str]
    pay: str
    minutes: int
    least: int = LEAST
    reward: float = 0.0
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Practice:
    """What comes before the first item. csv: items with gold, answered with feedback and not kept. share: of them that
    must be right. tries: of all of it, comprehension questions included."""

    csv: str = ""
    share: float = 0.75
    tries: int = 2


@dataclass(frozen=True, slots=True)
class Retention:
    """How many days after a rater's last answer what is kept. names: what the platform calls them. answers: all of
    theirs. 0: no limit."""

    names: int = 0
    answers: int = 0


@dataclass(frozen=True, slots=True)
class ItemSource:
    """Where items come from. Exactly one of csv, folder, identities. hub: "owner/name@commit", with csv inside it.

    same, different: how many pairs are built of `identities`.
    """

    csv: str = ""
    folder: str = ""
    identities: str = ""
    hub: str = ""
    same: int = 100
    different: int = 100
    synthetic: bool = False


def consent(table: Table) -> Consent:
    """The consent of a study. Raises StudyError."""
    consent = Consent(table.name("version"), table.text("text", longest=20_000), table.count("minimum_age", 18, 0, 99))
    table.end()
    if not consent.text:
        raise StudyError("[consent] text: is empty; say what is collected, how long it is kept and how to withdraw.")
    return consent


def blocks(table: Table) -> Blocks:
    """How sessions are cut up. Raises StudyError."""
    usual = Blocks()
    blocks = Blocks(
        table.count("size", usual.size, 1, 500),
        table.count("gold", usual.gold, 0, 100),
        table.count("repeats", usual.repeats, 0, 100),
        table.count("repeat_gap", usual.repeat_gap, 1, 500),
        table.count("break_seconds", usual.break_seconds, 0, 3600),
    )
    table.end()
    if blocks.gold + blocks.repeats >= blocks.size:
        raise StudyError(
            f"[blocks]: {blocks.gold} gold and {blocks.repeats} repeats leave no room in a block of {blocks.size}."
        )
    return blocks


def assigning(table: Table) -> Assigning:
    """Who gets which item. Raises StudyError."""
    usual = Assigning()
    read = Assigning(
        table.count("raters_per_item", usual.raters_per_item, 1, 1000),
        table.count("lease_seconds", usual.lease_seconds, 10, 86_400),
        table.count("most_per_rater", usual.most_per_rater, 1, 1_000_000),
        table.count("conflict_gap", usual.conflict_gap, 0, 100),
        table.flag("adaptive", usual.adaptive),
        table.number("explore", usual.explore, 0.01, 1),
        table.count("undo_window", usual.undo_window, 0, 100),
        table.number("certain", usual.certain, 0, 0.9999),
        table.count("least", usual.least, 1, 1000),
        table.number("accuracy", usual.accuracy, 0.51, 0.999),
    )
    table.end()
    return read


def retention(table: Table) -> Retention:
    """How long raters' names and answers are kept. Raises StudyError."""
    read = Retention(table.count("names", 0, 0, 36_500), table.count("answers", 0, 0, 36_500))
    table.end()
    return read


def practice(table: Table) -> Practice:
    """What raters practise before they begin. Raises StudyError."""
    usual = Practice()
    read = Practice(
        table.text("csv", ""),
        table.number("share", usual.share, 0, 1),
        table.count("tries", usual.tries, 1, 10),
    )
    table.end()
    return read


def comprehension(table: Table) -> dict[str, tuple[str, ...]]:
    """Question → its answers, the right one first. Raises StudyError."""
    questions = table.lists()
    for question, options in questions.items():
        if len(question) > 300 or len(options) < 2:
            raise StudyError(
                f"[comprehension] {question[:80]!r}: expected the right answer and at least one wrong one."
            )
    return questions


def exclusion(table: Table) -> Exclusion:
    """When raters are flagged or excluded. Raises StudyError."""
    usual = Exclusion()
    read = Exclusion(
        table.number("gold_accuracy", usual.gold_accuracy, 0, 1),
        table.count("floor_ms", usual.floor_ms, 0, 60_000),
        table.number("fast_share", usual.fast_share, 0, 1),
        table.number("straight_share", usual.straight_share, 0, 1),
        table.number("consistency", usual.consistency, 0, 1),
        table.number("agreement", usual.agreement, -1, 1),
        table.count("smallest", usual.smallest, 1, 1000),
    )
    table.end()
    return read


def crowd(table: Table) -> Crowd:
    """The crowd platform, its parameters and codes. Raises StudyError."""
    parameters, codes = table.table("parameters").words(), table.table("codes").words()
    url = table.text("return_url", "", 1000)
    least = table.count("least", LEAST, 1, 100_000)
    crowd = Crowd(
        parameters,
        url,
        codes,
        table.text("pay", ""),
        table.count("minutes", 0, 0, 10_000),
        least,
        table.number("reward", 0.0, 0, 10_000),
        table.text("currency", "", 10),
    )
    table.end()
    for outcome in codes:
        if outcome not in OUTCOMES:
            raise StudyError(f"[crowd.codes]: unknown outcome {outcome!r}; expected {', '.join(OUTCOMES)}.")
    if codes and not url:
        raise StudyError("[crowd.codes]: codes are shown as a link; return_url, the address with {code}, is missing.")
    names = set(re.findall(r"\{(\w*)\}", url))
    if url and (
        urlsplit(url).scheme != "https" or not urlsplit(url).netloc or "{" in urlsplit(url).netloc or not names
    ):
        raise StudyError(f"[crowd] return_url: expected an https address with {{code}} in it, got {url[:80]!r}.")
    if strange := sorted(names - {"code", *parameters.values()}):
        raise StudyError(
            f"[crowd] return_url: {{{strange[0]}}} is neither {{code}} nor one of the parameters' names "
            f"({', '.join(sorted(parameters.values())) or 'none'})."
        )
    return crowd


def demographics(table: Table) -> dict[str, tuple[str, ...]]:
    """Question → options. Raises StudyError."""
    questions = table.lists()
    for question, options in questions.items():
        if len(question) > 80 or len(options) < 2:
            raise StudyError(f"[demographics] {question[:80]!r}: expected at least two options to choose from.")
        if question.strip().lower() in RATER_COLUMNS:
            raise StudyError(
                f"[demographics] {question!r}: every rater has a column of this name already; call the question "
                f"otherwise. Taken are {', '.join(RATER_COLUMNS)}."
            )
    return questions


def texts(table: Table) -> dict[str, dict[str, str]]:
    """Language → what of title, instructions, attribute and consent the study says in it."""
    texts: dict[str, dict[str, str]] = {}
    for language in table.names():
        if not re.fullmatch("[a-z]{2,3}", language):
            raise StudyError(f"[texts.{language[:20]}]: expected a language as de, es, fr, zh, ja or ar.")
        own = table.table(language)
        texts[language] = {
            name: own.text(name, longest=20_000)
            for name in ("title", "instructions", "attribute", "consent")
            if own.has(name)
        }
        own.end()
    table.end()
    return texts


def source(table: Table) -> ItemSource:
    """Where items come from. Raises StudyError."""
    pairs, hard = table.has("same") or table.has("different"), table.number("hard", 0.0, 0, 1)
    read = ItemSource(
        table.text("csv", ""),
        table.text("folder", ""),
        table.text("identities", ""),
        table.text("hub", ""),
        table.count("same", 100, 0, 1_000_000),
        table.count("different", 100, 0, 1_000_000),
        table.flag("synthetic", False),
    )
    table.end()
    if hard:
        raise StudyError(
            "[items] hard: hard pairs are ranked by a recogniser, which a study file cannot ask. Build them in Python "
            "(`workbench.labeling.study.pairs.build_pairs` with embeddings), write items.csv and name it here."
        )
    if pairs and not read.identities:
        raise StudyError("[items] same, different: only `identities` builds pairs; remove them, or name its folder.")
    if read.hub and not (read.csv and "/" in read.hub):
        raise StudyError(
            '[items] hub: expected "owner/name@commit" together with csv, the path of the item list in it.'
        )
    if sum(bool(way) for way in (read.csv, read.folder, read.identities)) != 1:
        raise StudyError("[items]: expected exactly one of csv, folder, identities.")
    return read
