"""An evaluation as one self-contained page: figures with intervals, groups, comparisons, pictures of the worst
cases."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from PIL import Image

from workbench import drawing
from workbench.errors import WorkbenchError
from workbench.evaluation import boxes, landmarks, parsing, recognition
from workbench.evaluation import labels as classes
from workbench.evaluation.answers import Answers
from workbench.evaluation.layouts import read_mask
from workbench.evaluation.measuring import Evaluation, Measured, better
from workbench.evaluation.place_pages import DEFINITIONS, address, gallery, placed, sides, thumb
from workbench.evaluation.plots import drawn
from workbench.evaluation.truth import IGNORED, Case, Truth
from workbench.evaluation.weighing import Gap
from workbench.labeling.report import page as pieces
from workbench.labeling.report.page import number
from workbench.metrics.roc import Interval
from workbench.parts import title
from workbench.settings import Settings

SHOWN = 20
_WORDS = {
    "parsing": "Part maps",
    "labels": "Labels",
    "pairs": "Pairs of faces",
    "landmarks": "Landmarks",
    "boxes": "Boxes",
}


def page(found: Evaluation, kept: Mapping[str, Answers], titles: Mapping[str, str], settings: Settings) -> str:
    """The report as HTML. kept: the answers, for the galleries. titles: model id → what to call it."""
    truth = found.truth
    head = (
        f'<p class="kicker">{_WORDS[truth.kind]} · {escape(truth.layout)} · {len(truth.cases)} photos</p>'
        f"<h1>Evaluation of {escape(', '.join(titles.get(m.model, m.model) for m in found.models))}</h1>"
    )
    notes = [*truth.notes, *_general(found)]
    body = head + _tiles(found, titles) + (pieces.card(pieces.listing(notes)) if notes else "")
    body += pieces.section("Figures", _figures(found, titles))
    body += pieces.section("Model against model", _against(found, titles))
    for measured in found.models:
        body += pieces.section(titles.get(measured.model, measured.model), _model(measured, truth, kept, settings))
    body += pieces.section(
        "What the figures mean",
        pieces.definitions(_DEFINITIONS.get(truth.kind) or (*DEFINITIONS[truth.kind], *_SHARED)),
    )
    return pieces.page("Evaluation", body)


def _general(found: Evaluation) -> list[str]:
    notes = ["Intervals hold 95 % and come from drawing people (photos, where no person is known) anew."]
    for measured in found.models:
        if measured.left_out:
            notes.append(f"{measured.model}: {len(measured.left_out)} photos were left out; the list is below.")
        if measured.withheld:
            notes.append(f"Withheld for fewer than {found.least} photos: {', '.join(measured.withheld)}.")
    return list(dict.fromkeys(notes))


def _tiles(found: Evaluation, titles: Mapping[str, str]) -> str:
    return pieces.tiles(
        (
            number(m.figures[m.headline].value),
            f"{m.headline}, {titles.get(m.model, m.model)} ({_span(m.figures[m.headline])})",
        )
        for m in found.models
    )


def _span(value: Interval) -> str:
    return f"{number(value.low)} to {number(value.high)}"


def _figures(found: Evaluation, titles: Mapping[str, str]) -> str:
    names = list(dict.fromkeys(name for m in found.models for name in m.figures))
    rows = [
        [escape(titles.get(m.model, m.model))]
        + [
            f"{number(m.figures[n].value)} <small>[{_span(m.figures[n])}]</small>" if n in m.figures else "–"
            for n in names
        ]
        for m in found.models
    ]
    return pieces.raw_table(["Model", *names], rows)


def _against(found: Evaluation, titles: Mapping[str, str]) -> str:
    body = ""
    for first, second, gap, groups in found.against:
        a, b = titles.get(first, first), titles.get(second, second)
        rows = [
            [
                "all",
                str(gap.n),
                number(gap.difference.value),
                _span(gap.difference),
                number(gap.p),
                _verdict(found, gap, a, b),
            ]
        ]
        rows += [
            [
                escape(name),
                str(g.n),
                number(g.difference.value),
                _span(g.difference),
                number(g.adjusted),
                _verdict(found, g, a, b),
            ]
            for name, g in groups.items()
        ]
        body += f"<h3>{escape(a)} minus {escape(b)}, on the same photos</h3>"
        body += pieces.raw_table(["Photos of", "n", "difference", "95 %", "p (groups: Holm)", "reading"], rows)
        body += _mcnemar(found, first, second)
    return body


def _mcnemar(found: Evaluation, first: str, second: str) -> str:
    by_id = {m.model: m.found for m in found.models}
    one, two = by_id[first], by_id[second]
    if not isinstance(one, classes.Classified) or not isinstance(two, classes.Classified):
        return ""
    if one.ids != two.ids or len(one.ids) == 0:
        return ""
    a, b, p = classes.mcnemar(one, two)
    return f"<p>Only the first was right {a} times, only the second {b} times; exact McNemar test p = {p:.3g}.</p>"


def _verdict(found: Evaluation, gap: Gap, first: str, second: str) -> str:
    name = better(found.models[0].headline, first, second, gap)
    return f"{escape(name)} is better" if name else '<span class="muted">no difference shown</span>'


def _model(measured: Measured, truth: Truth, kept: Mapping[str, Answers], settings: Settings) -> str:
    found = measured.found
    figures = drawn(measured, rates=_rates(found, truth) if isinstance(found, recognition.Verified) else None)
    body = pieces.grid(pieces.figure(figures, name, caption) for name, caption in _CAPTIONS.items())
    if isinstance(found, parsing.Parsed):
        body += _parts(found) + _confusions(found) + sides(found.exchanged(), len(found.pictures), "masks")
        body += _worst(found, truth, kept[measured.model], settings)
    elif isinstance(found, classes.Classified):
        body += _classes(found) + _mistakes(found, truth, settings)
    elif isinstance(found, landmarks.Landmarks | boxes.Boxes):
        body += placed(found, truth, settings)
    else:
        body += _identified(measured) + _error_rates(found, truth) + _hardest(found, truth, settings)
    return body + _groups(measured) + _left_out(measured)


_CAPTIONS = {
    "parts": "F1 per part with its interval",
    "confusion": "True label (row) against answer (column), share of the row",
    "reliability": "How often the model is right when it is so sure",
    "risk": "Share of wrong answers among the surest",
    "errors": "Share of faces below an error; dotted: 8 %",
    "roc": "ROC: same pairs accepted against different pairs accepted",
    "det": "DET: both error rates, logarithmic",
    "scores": "Scores of same and of different pairs",
    "gaps": "Both error rates per group, at one threshold for all: to the right, strangers are taken for one person",
    "groups": "Groups: the headline figure with its interval",
}


def _draws_of(found: parsing.Parsed) -> dict[str, dict[str, Interval]]:
    from workbench.evaluation.weighing import Draws

    return found.parts(Draws.over([""] * len(found.pictures), 400))


def _parts(found: parsing.Parsed) -> str:
    rows = [
        [escape(title(part)), *(f"{number(v.value)} <small>[{_span(v)}]</small>" for v in row.values())]
        for part, row in _draws_of(found).items()
    ]
    width = max(len(row) for row in rows)
    names = ["Part", "F1", "IoU", *(f"Boundary F, {t}" for t in parsing.TOLERANCES)]
    return "<h3>Per part</h3>" + pieces.raw_table(names, [row + ["–"] * (width - len(row)) for row in rows])


def _confusions(found: parsing.Parsed) -> str:
    rows = [[escape(title(a)), escape(title(b)), f"{100 * share:.1f} %"] for a, b, share in parsing.mistaken(found)]
    if not rows:
        return ""
    return "<h3>Taken for another part</h3>" + pieces.raw_table(["True part", "Answer", "Share of its pixels"], rows)


def _worst(found: parsing.Parsed, truth: Truth, kept: Answers, settings: Settings) -> str:
    by_id = {case.id: case for case in truth.cases}
    shown = [_maps(picture, by_id[picture.id], truth, kept, settings) for picture in found.worst(SHOWN)]
    return "<h3>The worst pictures: photo, truth, answer</h3>" + gallery(shown)


def _maps(picture: parsing.Picture, case: Case, truth: Truth, kept: Answers, settings: Settings) -> str:
    try:
        mask = read_mask(case, truth.parts)
    except WorkbenchError:
        return ""
    photo = thumb(case, settings)
    with Image.open(kept.map_of(case)) as answer:
        maps = [np.where(mask == IGNORED, 0, mask).astype(np.uint8), np.array(answer, np.uint8)]
    size = photo.shape[1::-1]
    laid = [
        drawing.overlay(photo, np.array(Image.fromarray(m).resize(size, Image.Resampling.NEAREST)), 0.7) for m in maps
    ]
    faces = "".join(
        f'<img src="{address(image)}" alt="{word}">'
        for image, word in zip((photo, *laid), ("Photo", "Truth", "Answer"), strict=True)
    )
    return (
        f'<div class="pair"><div class="faces">{faces}</div><p><b>F1 {picture.score:.3f}</b> '
        f"{escape(case.id)}</p></div>"
    )


def _classes(found: classes.Classified) -> str:
    from workbench.evaluation.weighing import Draws

    draws = Draws.over([""] * len(found.ids), 400)
    rows = []
    for label, row in found.classes(draws).items():
        recall, precision = row["recall"], row["precision"]
        assert isinstance(recall, Interval)
        assert isinstance(precision, Interval)
        rows.append([escape(label), str(row["cases"]), f"{number(recall.value)} <small>[{_span(recall)}]</small>",
                     f"{number(precision.value)} <small>[{_span(precision)}]</small>"])  # fmt: skip
    return "<h3>Per label</h3>" + pieces.raw_table(["Label", "cases", "recall", "precision"], rows)


def _mistakes(found: classes.Classified, truth: Truth, settings: Settings) -> str:
    by_id = {case.id: case for case in truth.cases}
    shown = [
        f'<div class="pair"><div class="faces"><img src="{address(thumb(by_id[id_], settings))}" alt=""></div>'
        f"<p><b>{escape(said)}</b> at {100 * sure:.0f} %, labelled {escape(wanted)}</p><p "
        f"class='muted'>{escape(id_)}</p></div>"
        for id_, wanted, said, sure in found.surest_mistakes(SHOWN)
    ]
    return "<h3>Wrong and most sure</h3>" + gallery(shown) if shown else ""


def _identified(measured: Measured) -> str:
    one = measured.identified
    if one is None:
        return ""
    rows = [
        ["Nearest photo is the right person's (rank 1)", number(one.rank_1.value), _span(one.rank_1)],
        ["Right person accepted, 1 % of strangers accepted", number(one.open_set.value), _span(one.open_set)],
    ]
    words = f"{one.people} people in the gallery with one photo each, {one.probes} other photos as probes."
    return "<h3>Identification among many</h3>" + pieces.raw_table(["", "share", "95 %"], rows) + f"<p>{words}</p>"


def _rates(found: recognition.Verified, truth: Truth) -> dict[str, tuple[Interval, Interval, int, int]]:
    return {} if found.threshold is None else found.rates({case.id: case.groups for case in truth.cases})


def _error_rates(found: recognition.Verified, truth: Truth) -> str:
    if found.threshold is None:
        return '<p class="note">This recogniser has no calibrated threshold: no error rates per group.</p>'
    rates = _rates(found, truth)
    rows = [
        [
            escape(name),
            str(n),
            f"{number(a.value, 4)} <small>[{_span(a)}]</small>",
            str(m),
            f"{number(b.value)} <small>[{_span(b)}]</small>",
        ]
        for name, (a, b, n, m) in rates.items()
    ]
    if not rows:
        return ""
    names = ["Both photos of", "different pairs", "false match rate", "same pairs", "false non-match rate"]
    return "<h3>Error rates per group at one threshold</h3>" + pieces.raw_table(names, rows)


def _hardest(found: recognition.Verified, truth: Truth, settings: Settings) -> str:
    by_id = {case.id: case for case in truth.cases}
    shown = [
        f'<div class="pair"><div class="faces"><img src="{address(thumb(by_id[a], settings))}" alt="first">'
        f'<img src="{address(thumb(by_id[b], settings))}" alt="second"></div>'
        f"<p><b>{'Same person' if same else 'Two people'}</b>, similarity {score:.3f}</p>"
        f"<p class='muted'>{escape(a)} · {escape(b)}</p></div>"
        for a, b, same, score in found.hardest()
    ]
    return "<h3>The hardest pairs</h3>" + gallery(shown)


def _groups(measured: Measured) -> str:
    rows = [
        [escape(name), str(g.cases), number(g.inside.value), _span(g.inside), number(g.gap.difference.value),
         number(g.gap.adjusted), "differs from the rest" if g.gap.clear else ('<span class="muted">no difference '
'shown</span>')]
        for name, g in measured.groups.items()
    ]  # fmt: skip
    if not rows:
        return ""
    names = ["Group", "photos", measured.headline, "95 %", "minus the rest", "p (Holm)", "reading"]
    recalls = [g.recall for g in measured.groups.values() if g.recall is not None]
    if recalls:
        names += ["faces found (recall)", "95 %"]
        rows = [[*row, number(found.value), _span(found)] for row, found in zip(rows, recalls, strict=True)]
    return "<h3>Per group</h3>" + pieces.raw_table(names, rows)


def _left_out(measured: Measured) -> str:
    if not measured.left_out:
        return ""
    rows: Sequence[Sequence[str]] = [[escape(id_), escape(why)] for id_, why in measured.left_out[:500]]
    return pieces.folded(f"{len(measured.left_out)} photos left out", pieces.raw_table(["Photo", "Why"], rows))


_SHARED = (("Interval", ("95 % percentile interval of 1,000 bootstrap rounds; all photos of a person are drawn "
"together.")),
           ("p, Holm", "Two-sided from the bootstrap; for groups corrected after Holm (1979) for their number."))  # fmt: skip  # noqa: E501
_DEFINITIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "parsing": (
        ("Pooled F1", "Twice the overlap over both areas, of all pictures' pixels together; mean over the parts in the truth."),  # noqa: E501
        ("F1 per picture", ("Mean over pictures of the mean F1 over the parts in that picture's truth; background "
"included.")),
        ("Boundary F", "Edges of a part that lie within the tolerance of the true edge, and the other way round (harmonic mean)."),  # noqa: E501
        *_SHARED,
    ),
    "labels": (
        ("Balanced accuracy", f"Mean recall of the labels with at least {classes.ENOUGH} photos."),
        ("Calibration error", f"Mean distance of confidence and accuracy over {classes.BINS} bins of confidence (Guo et al. 2017)."),  # noqa: E501
        *_SHARED,
    ),
    "pairs": (
        ("AUC", "Chance that a same pair is more alike than a different one."),
        ("EER", "The error rate where both kinds of error are equally frequent."),
        ("TAR at FAR 1 %", "Same pairs accepted when one in a hundred different pairs is."),
        ("False match, false non-match", "At the recogniser's own threshold, the same for every group."),
        *_SHARED,
    ),
}  # fmt: skip
