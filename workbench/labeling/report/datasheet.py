"""A datasheet for a study's data, filled from the study itself (the questions of Gebru et al. 2021, "Datasheets for
Datasets").

A pure function of the study and of counts: what they do not say it does not make up, but names as not stated.
"""

from collections.abc import Mapping

from workbench.labeling.study.study import Study

UNSTATED = "Not stated in the study file."


def datasheet(study: Study, counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """(heading, text) pairs. counts: judgements, skips, gold, repeats, raters, excluded, items, complete; others are
    ignored."""
    return [
        (
            "Motivation",
            f"Collected to learn how people answer: {study.question} Responsible: {study.contact or UNSTATED}",
        ),
        ("Composition", _composition(study, counts)),
        ("Collection", _collection(study)),
        ("Cleaning", _cleaning(study, counts)),
        (
            "Uses",
            "For studying how people judge faces and how recognisers compare. Not for identifying people, and not for "
            "judging a single "
            "person.",
        ),
        (
            "Distribution",
            f"Terms: {study.license}. Pictures are named by item and sha256; they are not part of the data.",
        ),
        (
            "Maintenance",
            "Rows are only added. Who withdraws is left out of the next compaction and of every later export.",
        ),
    ]


def _composition(study: Study, counts: Mapping[str, int]) -> str:
    n = {
        name: f"{counts.get(name, 0):,}"
        for name in ("judgements", "raters", "items", "complete", "gold", "repeats", "skips")
    }
    synthetic = study.source.synthetic
    return " ".join(
        (
            (
                f"{n['judgements']} judgements by {n['raters']} raters on {n['items']} items, of which {n['complete']} "
                f"have the"
            ),
            (
                f"{study.assigning.raters_per_item} raters wanted; {n['gold']} judgements are on gold items, "
                f"{n['repeats']} are repeats, and"
            ),
            (
                f"{n['skips']} items were skipped. One row is one answer out of: "
                f"{', '.join(answer.title for answer in study.answers)}."
            ),
            "The pictures are synthetic and show no real person."
            if synthetic
            else "The pictures may show real people; see their own terms.",
        )
    )


def _collection(study: Study) -> str:
    asked = "; ".join(f"{question} ({', '.join(options)})" for question, options in study.demographics.items())
    chosen = "by uncertainty, with the propensity stored" if study.assigning.adaptive else "least-filled first"
    return " ".join(
        (
            (
                f"Raters consented to version {study.consent.version} before the first face and were, by their own word, "  # noqa: E501
                f"at least"
            ),
            f"{study.consent.minimum_age} years old. Items were assigned {chosen}, in blocks of {study.blocks.size} with",  # noqa: E501
            (
                f"{study.blocks.gold} gold items and {study.blocks.repeats} repeats; the order of the pictures was drawn "  # noqa: E501
                f"at random and stored."
            ),
            "No score of any model was shown.",
            f"Asked of raters: {asked or 'nothing'}. Pay: {study.crowd.pay or UNSTATED}",
            f"Expected time: {study.crowd.minutes} minutes." if study.crowd.minutes else "",
        )
    ).strip()


def _cleaning(study: Study, counts: Mapping[str, int]) -> str:
    rules = study.exclusion
    return " ".join(
        (
            f"Nothing is deleted. {counts.get('excluded', 0):,} raters are marked as excluded by these rules:",
            f"gold accuracy below {100 * rules.gold_accuracy:.0f} %,",
            f"more than {100 * rules.fast_share:.0f} % of answers under {rules.floor_ms} ms,",
            f"more than {100 * rules.straight_share:.0f} % of one answer or rhythm,",
            f"fewer than {100 * rules.consistency:.0f} % of repeats answered alike,",
            (
                f"agreement with the others below {rules.agreement:.2f} beyond chance, or a preference for one side of "
                f"the screen."
            ),
            "Each verdict needs evidence beyond chance and names its reason.",
        )
    )
