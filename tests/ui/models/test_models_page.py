"""The page of all models says of each what a person chooses by; tests of its downloads are with `model_fetch`'s."""

import re

from workbench.bench import Workbench
from workbench.cards.brief import LICENCES, ORIGINS, brief, licence_of
from workbench.catalog import MODELS
from workbench.catalog.spec import TASKS
from workbench.ui.models import tab as models_page


def test_every_model_has_a_card_with_both_licences_and_its_figures(bench: Workbench) -> None:
    shown = models_page.cards(bench)
    rows = [spec for task in TASKS for spec in bench.specs(task)]

    assert len(re.findall(r"data-model='([^']+)'", shown)) == len(rows) == len(MODELS)
    for spec in rows:
        card = shown.partition(f"data-model='{spec.id}'")[2].partition("</article>")[0]
        assert "<dt>Weights</dt>" in card
        assert "<dt>Trained on</dt>" in card
        assert "<dt>Measured here</dt>" in card
    assert "AUC 0.999" in shown.partition("data-model='dlib'")[2].partition("</article>")[0]
    assert "data-fetch='dlib'" not in shown, "what is here needs no download"


def test_a_card_says_how_long_a_picture_takes_and_at_what_size_where_that_was_measured(bench: Workbench) -> None:
    cards = models_page.cards(bench).split("<article ")[1:]
    timed = [card for card in cards if "<dt>Time on two cores</dt>" in card]

    assert any(re.search(r"Time on two cores</dt><dd>[^<]*\d ms [^<]*\d px", card) for card in timed)
    for card in timed:
        assert re.search(r"Time on two cores</dt><dd>[^<]*\d m?s\b", card)
    assert not any("speed:" in card for card in cards), "said once"


def test_the_words_of_a_licence_that_limit_it_outweigh_an_open_name() -> None:
    assert licence_of("MIT") == licence_of("Apache-2.0 (OpenCV Zoo)") == licence_of("CC BY 4.0") == "open"
    assert licence_of("code MIT; models for non-commercial research (its README)") == "research"
    assert licence_of("CC BY-NC-SA 4.0") == "research"
    assert licence_of("MIT code; terms of the weights not stated separately") == "other"
    assert licence_of("MIT (card of Arc2Face); CreativeML OpenRAIL-M (Stable Diffusion 1.5)") == "other"
    assert licence_of("") == "other"


def test_every_row_can_be_filtered_and_every_filter_finds_one() -> None:
    told = [brief(spec) for spec in MODELS.values()]

    assert {row.origin for row in told} == set(ORIGINS)
    assert {row.licence for row in told} == set(LICENCES)
