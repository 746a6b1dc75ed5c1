"""Slices as one page: clusters of reasons first, then groups, the map of photos, and every photo's row. Maps alone are
shown, never a photo."""

import base64
import html
from collections.abc import Sequence

import numpy as np

from workbench import batch, images
from workbench.drawing import heat_colors
from workbench.mesh import OVAL, polygon
from workbench.slices.clusters import Cluster, clustered, layout
from workbench.slices.table import Row, Rows, accuracy, groups_of

COLOURS = ("#4f46e5", "#c2410c", "#15803d", "#be185d", "#0e7490", "#a16207", "#7c3aed", "#475569")
STYLE = """body { font: 16px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2rem auto; padding: 0 1rem;
 color: #1e293b; background: #fff; } .row { display: flex; flex-wrap: wrap; gap: 1rem; }
 figure { margin: 0; width: 190px; } figure img { width: 190px; border-radius: 8px; } figcaption { font-size: .85rem; }
 .flag { outline: 3px solid #b91c1c; } table { border-collapse: collapse; font-size: .85rem; }
 td, th { padding: 2px 8px; border-bottom: 1px solid #cbd5e1; }"""


def clusters_of(found: Rows, seed: int = 0) -> tuple[Cluster, ...]:
    """The clusters of a folder's maps; the face's outline is the mean of all meshes."""
    meshes = [row.mesh for row in found.rows if row.mesh is not None]
    heats = np.stack([row.heat for row in found.rows])
    face = None
    if meshes:
        face = polygon(np.mean(meshes, axis=0), OVAL, (heats.shape[1], heats.shape[2])) > 127
    return clustered(heats, [row.said for row in found.rows], face, seed)


def words(cluster: Cluster, rows: Sequence[Row]) -> str:
    """A cluster in a sentence."""
    mine = [rows[place] for place in cluster.rows]
    share = accuracy(mine)
    right = "" if np.isnan(share) else f", {share:.0%} right"
    flag = " Look here: " if cluster.suspicious else " "
    told = (
        f"{flag}{cluster.apart:.0%} of its heat lies elsewhere than in the answer's other photos"
        if cluster.apart
        else ""
    )
    return (
        f"{cluster.answer}: {len(mine)} photo{'s' if len(mine) != 1 else ''}{right}."
        f"{told}{'; ' if told else ' '}heat off the face {cluster.outside:.1f} × chance."
    )


def page(found: Rows, clusters: Sequence[Cluster], way: str = "pca", title: str = "Slices") -> str:
    """Everything as HTML, its pictures inside it; it loads and runs nothing."""
    tiles = "".join(_tile(each, found.rows) for each in clusters)
    notes = "".join(
        f"<li>{html.escape(batch.escaped(name))}: {html.escape(batch.escaped(why))}</li>" for name, why in found.missing
    )
    title = batch.escaped(title)
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    return (
        f'<!doctype html><html lang="en">{head}'
        f"<h1>{html.escape(title)}</h1><p>{html.escape(found.model)}, {html.escape(found.method)}: {len(found.rows)} "
        f"photos, {len(found.missing)} left out. Mean heatmaps of each answer's clusters, in one frame; outlined: look "
        f'whether that reason is one you want.</p><div class="row">{tiles}</div><h2>Groups</h2>{_groups(found.rows)}'
        f"<h2>Which photos are alike ({html.escape(way)})</h2>{scatter(found.rows, way)}<h2>Photos</h2>"
        f"{_table(found.rows, clusters)}<h2>Left out</h2><ul>{notes or '<li>none</li>'}</ul></html>"
    )


def _tile(cluster: Cluster, rows: Sequence[Row]) -> str:
    data = base64.b64encode(images.encode_png(coloured(cluster.heat))).decode()
    text = html.escape(words(cluster, rows))
    flag = ' class="flag"' if cluster.suspicious else ""
    return (
        f'<figure{flag}><img alt="{text}" src="data:image/png;base64,{data}"><figcaption>{text}</figcaption></figure>'
    )


def coloured(heat: np.ndarray) -> np.ndarray:
    """(2·FRAME, 2·FRAME, 3) uint8: the map alone."""
    return np.kron(heat_colors(heat, signed=False), np.ones((2, 2, 1), np.uint8))


def _groups(rows: Sequence[Row]) -> str:
    names = groups_of(rows)
    if not names:
        return "<p>No groups were given.</p>"
    lines = []
    for name in names:
        column, _, value = name.partition("=")
        mine = [row for row in rows if row.groups.get(column) == value]
        lines.append(f"<tr><td>{html.escape(name)}</td><td>{len(mine)}</td><td>{_percent(accuracy(mine))}</td></tr>")
    return f"<table><tr><th>group</th><th>photos</th><th>right</th></tr>{''.join(lines)}</table>"


def _percent(share: float) -> str:
    return "–" if np.isnan(share) else f"{share:.0%}"


def scatter(rows: Sequence[Row], way: str = "pca", wide: int = 640, high: int = 420) -> str:
    """A map of the photos as SVG: alike faces lie together; colours are answers, hollow dots wrong ones. Raises
    BadRequest for a way that is none."""
    places = layout(np.stack([row.vector for row in rows]).astype(np.float64), way)
    low, reach = places.min(axis=0), np.maximum(np.ptp(places, axis=0), 1e-9)
    at = 14 + (places - low) / reach * (wide - 28, high - 28)
    answers = sorted({row.said for row in rows})
    dots = "".join(_dot(row, place, answers) for row, place in zip(rows, at, strict=True))
    legend = "".join(
        f'<span style="margin-right:12px;white-space:nowrap"><b style="color:{COLOURS[n % len(COLOURS)]}">●</b> '
        f"{html.escape(answer)}</span>"
        for n, answer in enumerate(answers)
    )
    return (
        f'<svg role="img" aria-label="Map of {len(rows)} photos" viewBox="0 0 {wide} {high}" '
        f'style="width:100%;max-width:{wide}px">{dots}</svg><p>{legend}</p>'
    )


def _dot(row: Row, place: np.ndarray, answers: list[str]) -> str:
    colour = COLOURS[answers.index(row.said) % len(COLOURS)]
    fill = "none" if row.right is False else colour
    known = f", truth {row.truth}" if row.truth else ""
    told = html.escape(batch.escaped(f"{row.file}: {row.said} {row.confidence:.2f}{known}"))
    return (
        f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="4.5" fill="{fill}" stroke="{colour}">'
        f"<title>{told}</title></circle>"
    )


COLUMNS = ("file", "truth", "said", "confidence", "right", "quality", "cluster", "groups")


def cells(rows: Sequence[Row], clusters: Sequence[Cluster]) -> list[tuple[str, ...]]:
    """Every photo as the words of a table's line, in the order of `COLUMNS`; file names are escaped."""
    number = {place: n for n, each in enumerate(clusters, start=1) for place in each.rows}
    return [
        (
            batch.escaped(row.file),
            batch.escaped(row.truth),
            row.said,
            f"{row.confidence:.3f}",
            "" if row.right is None else "yes" if row.right else "no",
            f"{row.quality:.2f}",
            str(number.get(place, "")),
            "; ".join(f"{column}={value}" for column, value in sorted(row.groups.items())),
        )
        for place, row in enumerate(rows)
    ]


def _table(rows: Sequence[Row], clusters: Sequence[Cluster]) -> str:
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    lines = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in line)}</tr>" for line in cells(rows, clusters)
    )
    return f"<table><tr>{head}</tr>{lines}</table>"


def as_csv(rows: Sequence[Row], clusters: Sequence[Cluster]) -> bytes:
    """The same table for other programs; a cell that a spreadsheet would run begins with an apostrophe."""
    return batch.as_csv(COLUMNS, cells(rows, clusters))
