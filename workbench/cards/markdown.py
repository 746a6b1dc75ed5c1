"""A card as Markdown, and with the front matter that the Hugging Face Hub reads."""

from collections.abc import Mapping
from typing import Any

from workbench.cards.card import Card
from workbench.cards.words import TASK_WORDS
from workbench.catalog.spec import ModelSpec

_LICENCES = (("MIT", "mit"), ("Apache-2.0", "apache-2.0"), ("CC BY-NC-SA 4.0", "cc-by-nc-sa-4.0"),
             ("CC BY-NC 4.0", "cc-by-nc-4.0"), ("CC BY 4.0", "cc-by-4.0"), ("CC0", "cc0-1.0"),
             ("BSD-3", "bsd-3-clause"), ("GPL-3.0", "gpl-3.0"), ("AGPL-3.0", "agpl-3.0"))  # fmt: skip
"""How a licence on a row begins → the Hub's word for it."""


def as_markdown(card: Card) -> str:
    """Title and the nine sections."""
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in card.sections.items())
    return f"# {card.spec.title}\n\n{body}\n"


def for_the_hub(card: Card) -> str:
    """The same with the Hub's front matter: licence, task, library and, where the person measured it, results."""
    import yaml

    return f"---\n{yaml.safe_dump(front_matter(card), sort_keys=False, allow_unicode=True)}---\n\n{as_markdown(card)}"


def front_matter(card: Card) -> dict[str, Any]:
    """The metadata of huggingface.co/docs/hub/model-cards."""
    spec = card.spec
    known = licence(spec)
    found: dict[str, Any] = {"license": known}
    if known == "other":
        found |= {"license_name": "see-model-details"}
    found |= {
        "library_name": "face-workbench",
        "pipeline_tag": TASK_WORDS[spec.task].pipeline,
        "tags": ["face", spec.task],
    }
    if card.evaluation is not None:
        found["model-index"] = [{"name": spec.title, "results": [_result(spec, card.evaluation)]}]
    return found


def licence(spec: ModelSpec) -> str:
    """The Hub's word for the licence of the weights; "other" where it has none."""
    return next((word for start, word in _LICENCES if spec.weights_license.startswith(start)), "other")


def _result(spec: ModelSpec, evaluation: Mapping[str, Any]) -> dict[str, Any]:
    metrics = [
        {"type": name.lower().replace(" ", "_"), "name": name, "value": round(float(value[0]), 6)}
        for name, value in evaluation["figures"].items()
        if isinstance(value, list) and len(value) == 3 and isinstance(value[0], (int, float))
    ]
    return {
        "task": {"type": TASK_WORDS[spec.task].pipeline},
        "dataset": {
            "type": evaluation.get("kind", "own"),
            "name": f"{evaluation['layout']}, {evaluation['photos']} photos",
        },
        "metrics": metrics,
    }
