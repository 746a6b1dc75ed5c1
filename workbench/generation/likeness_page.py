"""Ratings of pictures as one page that needs nothing else: figures, two tools against each other, a table to sort and
filter
with the pictures in it. Escapes what it is given."""

from collections.abc import Sequence
from html import escape
from itertools import combinations

import numpy as np

from workbench.decoding import decode
from workbench.errors import BadRequest
from workbench.generation.likeness import Rated, Ratings, against, summary
from workbench.generation.likeness_tables import of_people, titled
from workbench.generation.report import TITLES
from workbench.labeling.report import page as pieces
from workbench.metrics.roc import Interval
from workbench.settings import Settings

MOST = 400
"""Pictures shown; the table holds all."""

_SCRIPT = """
<script>
const table=document.querySelector("#all table"),body=table.tBodies[0],rows=[...body.rows];
const value=(row,n)=>{const t=row.cells[n].textContent.trim().replace("−","-"),x=parseFloat(t);return isNaN(x)?t:x};
[...table.tHead.rows[0].cells].forEach((cell,n)=>{let up=1;cell.style.cursor="pointer";cell.onclick=()=>{up=-up;
rows.sort((a,b)=>{const x=value(a,n),y=value(b,n);return (x>y?1:x<y?-1:0)*up}).forEach(r=>body.append(r))}});
document.querySelector("#filter").oninput=e=>{const w=e.target.value.toLowerCase();
rows.forEach(r=>r.hidden=!r.textContent.toLowerCase().includes(w))};
</script>
"""

_TERMS = (
    (
        "likeness",
        "How alike a recogniser finds picture and reference: more is more; distances are negative.",
    ),
    ("strangers", "The share of pairs of strangers that are at least as alike: the smaller, the surer."),
    ("one person", "More alike than the recogniser's threshold, which one of a hundred pairs of strangers passes."),
    ("more like another", "Most recognisers find another reference of this set more alike."),
    (
        "moved",
        "How far a part's landmarks are from the reference's, heads turned alike, in eye distances.",
    ),
    ("colour", "CIE 1976 difference of a part's mean colour; 2 is just seen, 10 at a glance."),
    ("file says", "What the file's own marks say of it. Marks can be taken out or forged: none proves nothing."),
)


def page(ratings: Ratings, settings: Settings) -> str:
    """The report as HTML."""
    count = len(ratings.rated)
    head = f'<p class="kicker">{count} pictures of {of_people(ratings)}</p><h1>Likeness to the references</h1>'
    body = head + (pieces.card(pieces.listing(ratings.notes)) if ratings.notes else "")
    body += pieces.section("Figures", _figures(ratings))
    body += pieces.section("Tool against tool", _against(ratings))
    body += pieces.section("All pictures", _all(ratings, settings))
    return pieces.page("Likeness", body + pieces.section("What the figures mean", pieces.definitions(_TERMS)) + _SCRIPT)


def _figures(ratings: Ratings) -> str:
    found = {tool: summary(ratings, tool) for tool in ratings.tools}
    names = list(dict.fromkeys(name for figures in found.values() for name in figures))
    rows = [[escape(titled(name)), *(_cell(figures.get(name)) for figures in found.values())] for name in names]
    told = pieces.raw_table(["Mean over people, with a range of 95 %", *(tool or "pictures" for tool in found)], rows)
    words = [text for diversity in ratings.report.diversities if (text := diversity.words())]
    return told + pieces.listing(words)


def _against(ratings: Ratings) -> str:
    told = ""
    for first, second in combinations(ratings.tools, 2):
        try:
            gaps = against(ratings, first, second)
        except BadRequest as error:
            told += pieces.paragraphs(str(error))
            continue
        rows = [[escape(titled(name)), _cell(gap), _verdict(gap)] for name, gap in gaps.items()]
        told += f"<h3>{escape(first)} minus {escape(second)}, the same people</h3>"
        told += pieces.raw_table(["", "Difference, with a range of 95 %", ""], rows)
    return told


def _all(ratings: Ratings, settings: Settings) -> str:
    models = list(ratings.matrices)
    names = ["", "picture", "person", "tool"]
    names += [f"{TITLES.get(model, model)}{word}" for model in models for word in ("", ", strangers")]
    names += ["nearest", "quality", "moved", "colour", "file says"]
    rows = [_line(row, models, settings, number < MOST) for number, row in enumerate(ratings.rated)]
    field = '<p><input id="filter" placeholder="Show only rows with …"> A heading sorts.</p>'
    return f'{field}<div id="all">{pieces.raw_table(names, rows)}</div>'


def _line(row: Rated, models: Sequence[str], settings: Settings, shown: bool) -> list[str]:
    picture = f'<img src="{pieces.thumbnail(decode(row.case.picture, settings))}" width="96" alt="">' if shown else ""
    told = [picture, escape(row.case.name), escape(row.case.person), escape(row.case.tool)]
    for model in models:
        tick = " ✓" if row.same.get(model) else ""
        told += [pieces.number(row.alike.get(model, float("nan"))) + tick]
        told += [pieces.number(100 * row.chance.get(model, float("nan")), 1) + " %"]
    nearest = escape(row.nearest) + (" ⚠" if row.lost else "") if row.face else "no face"
    moved, colour = (_most(row, name) for name in ("moved", "colour"))
    return [*told, nearest, row.verdict, moved, colour, escape(row.marks.words())]


def _most(row: Rated, what: str) -> str:
    """The part that changed most."""
    if not row.changed:
        return "–"
    part = max(row.changed, key=lambda name: float(getattr(row.changed[name], what)))
    return f"{getattr(row.changed[part], what):.2f} ({part})"


def _cell(value: Interval | None) -> str:
    if value is None:
        return "–"
    if not (np.isfinite(value.low) and np.isfinite(value.high)):
        return pieces.number(value.value)
    low, high = pieces.number(value.low), pieces.number(value.high)
    return f"{pieces.number(value.value)} ({low} to {high})"


def _verdict(gap: Interval) -> str:
    if gap.low > 0 or gap.high < 0:
        return pieces.chip("flag").replace("flag</span>", "told apart</span>")
    return "not told apart"
