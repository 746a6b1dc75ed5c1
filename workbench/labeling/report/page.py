"""The pieces of a report page: sections, tiles, tables, figures, a gallery; plain HTML and one style sheet. Escapes
what it is given."""

import base64
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from workbench.labeling.report.palette import DARK, LIGHT, as_svg, css
from workbench.metrics.roc import Interval

Pictures = Callable[[str], Sequence[np.ndarray]]
"""Item id → its pictures, RGB uint8; empty when they may not be shown."""
THUMB = 200
"""Longer side of a gallery picture in pixels."""
_VERDICTS = {"ok": "ok", "flag": "flag", "exclude": "bad"}

STYLE = f"""
:root{{{css(LIGHT)}--page:#f7f6f3;--chip:#efeeea;color-scheme:light dark}}
@media (prefers-color-scheme:dark){{:root{{{css(DARK)}--page:#131211;--chip:#2a2927}}}}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}}
main{{max-width:1080px;margin:0 auto;padding:28px 16px 64px}}
.kicker{{margin:0;color:var(--muted);font-size:.9rem}}
h1{{font-size:clamp(1.5rem,4.5vw,2.1rem);line-height:1.2;margin:.1em 0 .5em}}
h2{{font-size:1.3rem;line-height:1.25;margin:2.6rem 0 .8rem}}
h3{{font-size:1.02rem;margin:1.5rem 0 .6rem}}
p{{max-width:72ch;margin:.5rem 0 .9rem}} ul{{margin:0;padding-left:1.1em}} .muted,figcaption{{color:var(--muted)}}
.note{{background:var(--chip);border-left:4px solid var(--flag);padding:.6rem .9rem;border-radius:4px}}
.tiles{{display:grid;gap:12px;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));margin:1.2rem 0}}
.tile,.card{{background:var(--paper);border:1px solid var(--grid);border-radius:10px;padding:14px 16px}}
.tile b{{display:block;font-size:1.5rem;line-height:1.2;font-variant-numeric:tabular-nums}}
.tile span{{color:var(--muted);font-size:.9rem}}
.grid{{display:grid;gap:14px;grid-template-columns:repeat(auto-fill,minmax(min(100%,420px),1fr));align-items:start;margin:.8rem 0}}
.card{{margin:.8rem 0;overflow-x:auto}} .grid>.card{{margin:0}} .card p:first-child{{margin-top:0}} .card h3:first-child{{margin-top:0}}
figure{{margin:0}} figcaption{{font-size:.9rem;margin-bottom:.4rem}}
figure svg{{display:block;width:100%;height:auto;max-width:640px}} details summary{{cursor:pointer;color:var(--muted);padding:.4rem 0}}
table{{border-collapse:collapse;width:100%;font-size:.9rem}}
th{{text-align:left;font-weight:600;color:var(--muted);white-space:nowrap}}
th,td{{padding:.35rem .7rem .35rem 0;border-bottom:1px solid var(--grid);vertical-align:top}}
td.n,th.n{{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}}
tr:last-child td{{border-bottom:0}} .frame td:first-child{{white-space:nowrap}}
dl{{display:grid;grid-template-columns:minmax(7rem,auto) 1fr;gap:.35rem 1.1rem;margin:0}} dt{{color:var(--muted)}}
dd{{margin:0;overflow-wrap:anywhere}}
.chip{{display:inline-block;border-radius:99px;padding:.02rem .6rem;font-size:.82rem;font-weight:600;
  border:1.5px solid currentColor}}
.chip.ok{{color:var(--ok)}} .chip.flag{{color:var(--flag)}} .chip.bad{{color:var(--bad)}}
.gallery{{display:grid;gap:12px;grid-template-columns:repeat(auto-fill,minmax(min(100%,240px),1fr))}}
.pair{{background:var(--paper);border:1px solid var(--grid);border-radius:10px;padding:10px;font-size:.88rem}}
.pair p{{margin:.4rem 0 0}}
.faces{{display:grid;grid-auto-flow:column;grid-auto-columns:1fr;gap:6px}}
.faces img{{width:100%;aspect-ratio:1;object-fit:cover;border-radius:6px;background:#808080}}
.bar{{display:grid;grid-template-columns:3.6rem 1fr 3.4rem;gap:.5rem;align-items:center;margin-top:.3rem}}
.bar span{{white-space:nowrap}} .bar i{{display:block;height:8px;border-radius:4px;background:var(--chip);overflow:hidden}}
.bar i::before{{content:"";display:block;height:100%;width:var(--w);background:var(--c)}}
code{{font-size:.88em;overflow-wrap:anywhere}} footer{{margin-top:3rem;color:var(--muted);font-size:.88rem}}
@media (max-width:480px){{dl{{grid-template-columns:1fr}} dd{{margin-bottom:.5rem}} .card,.tile{{padding:12px}}}}
@media print{{body{{background:#fff}} .card,.tile,.pair{{break-inside:avoid}}}}
"""  # noqa: E501


def page(title: str, body: str) -> str:
    """A whole document."""
    head = (
        f'<meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width,initial-scale=1"><title>{escape(title)}</title>'
    )
    return f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body><main>{body}</main></body></html>\n'  # noqa: E501


def section(title: str, body: str) -> str:
    """A heading and what belongs under it."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def card(body: str) -> str:
    """A box; wide tables scroll inside it."""
    return f'<div class="card">{body}</div>'


def grid(parts: Iterable[str]) -> str:
    """Boxes side by side where there is room, under each other on a phone."""
    there = [part for part in parts if part]
    return f'<div class="grid">{"".join(there)}</div>' if there else ""


def paragraphs(text: str) -> str:
    """Plain text; blank lines part paragraphs."""
    return "".join(f"<p>{escape(part.strip())}</p>" for part in text.split("\n\n") if part.strip())


def listing(sentences: Iterable[str]) -> str:
    """A list of sentences."""
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences) + "</ul>"


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Terms and what they mean."""
    return card("<dl>" + "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in pairs) + "</dl>")


facts = definitions


def tiles(items: Iterable[tuple[str, str]]) -> str:
    """Large numbers with a few words."""
    return (
        '<div class="tiles">'
        + "".join(f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for value, name in items)
        + "</div>"
    )


def figure(drawn: Mapping[str, Figure], name: str, caption: str) -> str:
    """A figure by name in a box; nothing when it was not drawn."""
    if name not in drawn:
        return ""
    return card(f"<figure><figcaption>{escape(caption)}</figcaption>{as_svg(drawn[name], name, caption)}</figure>")


def chip(verdict: str) -> str:
    """A verdict as a coloured word."""
    return f'<span class="chip {_VERDICTS.get(verdict, "flag")}">{escape(verdict)}</span>'


def number(value: float, digits: int = 3) -> str:
    """A number, or a dash when there is none."""
    return (
        "–"
        if value is None or (isinstance(value, float) and not math.isfinite(value))
        else f"{value:.{digits}f}".replace("-", "−")
    )


def interval_cells(value: Interval) -> list[str]:
    """Value and range as two cells."""
    return [number(value.value), f"{number(value.low)} to {number(value.high)}"]


def folded(title: str, body: str) -> str:
    """What opens on a click."""
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def raw_table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    body = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    return card(
        f"<table><thead><tr>{''.join(f'<th>{escape(name)}</th>' for name in names)}</tr></thead><tbody>{body}</tbody></table>"  # noqa: E501
    )


def table(frame: pd.DataFrame, names: Mapping[str, str] | None = None) -> str:
    """A DataFrame as a table. names: columns' headings; columns it does not name keep their own and follow; empty ones
    are left out."""
    names, frame = names or {}, frame.dropna(axis=1, how="all")
    columns = [name for name in names if name in frame.columns] + [name for name in frame.columns if name not in names]
    numeric = {name: pd.api.types.is_numeric_dtype(frame[name]) for name in columns}
    head = "".join(
        f"<th{' class=n' if numeric[name] else ''}>{escape(str(names.get(name, name)))}</th>" for name in columns
    )
    lines = [[_show(value) for value in row] for row in frame[columns].itertuples(index=False, name=None)]
    marks = [" class=n" if numeric[name] else "" for name in columns]
    body = "".join(
        "<tr>" + "".join(f"<td{mark}>{cell}</td>" for mark, cell in zip(marks, line, strict=True)) + "</tr>"
        for line in lines
    )
    return f'<table class="frame"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def gallery(pairs: pd.DataFrame, pictures: Pictures | None) -> str:
    """The rows of `humans_models.disagreements`, with their pictures where `pictures` gives any."""
    return '<div class="gallery">' + "".join(_pair(row, pictures) for row in pairs.to_dict("records")) + "</div>"


def _pair(row: Mapping[str, Any], pictures: Pictures | None) -> str:
    shown = list(pictures(str(row["item"]))) if pictures else []
    faces = "".join(f'<img src="{thumbnail(image)}" alt="Picture {n}">' for n, image in enumerate(shown, start=1))
    truth = (
        "Identity unknown" if row["same"] != row["same"] else "Same person" if row["same"] == 1 else "Different people"
    )
    right = {"model": ", the recogniser is right", "people": ", people are right"}.get(str(row["right"]), "")
    bars = _bar("Model", float(row["model"]), "var(--s1)") + _bar("People", float(row["people"]), "var(--ink)")
    group = f" · {escape(str(row['group']))}" if str(row["group"]) else ""
    block = f'<div class="faces">{faces}</div>' if faces else ""
    facts_line = f'<p class="muted">{escape(str(row["item"]))}{group} · {int(row["votes"])} votes</p>'
    return f'<div class="pair">{block}<p><b>{truth}</b>{right}</p>{bars}{facts_line}</div>'


def _bar(name: str, share: float, colour: str) -> str:
    return (
        f'<div class="bar"><span>{name}</span><i '
        f'style="--w:{100 * share:.0f}%;--c:{colour}"></i><span>{100 * share:.0f} %</span></div>'
    )


def thumbnail(image: np.ndarray) -> str:
    """A small JPEG as an address of its own."""
    picture = Image.fromarray(image)
    picture.thumbnail((THUMB, THUMB))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def _cell(cell: str) -> str:
    plain = cell.replace(".", "", 1).replace("–", "").replace("-", "", 1).replace("−", "", 1)
    return f"<td{' class=n' if plain.isdigit() or cell == '–' else ''}>{cell}</td>"


def _show(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return number(float(value))
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    return "" if value is None else escape(str(value))
