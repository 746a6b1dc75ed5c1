"""A part map corrected by hand: painted, clicked, opened from a file; from then on it is the photo's mask."""

from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.images import limit
from workbench.parts import title
from workbench.photo import Found
from workbench.ui.common.events import MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.faces import find_in
from workbench.ui.common.visitor import visitor
from workbench.ui.common.widgets import QUIET, model_choice, offer, results
from workbench.ui.parsing import mask_editor
from workbench.ui.parsing.click import refine
from workbench.ui.parsing.mask_editor import editor_value, png_bytes, same_answer, sent, sorry, told
from workbench.ui.parsing.one import Answer, Screen, answered, run_parser, shown_parts, write_downloads
from workbench.values import Parsing

COLUMNS = ["Part", "IoU with the model's", "Pixels, model", "Pixels, corrected"]


HINT = (
    "Paint, fill, lasso, or click what belongs to a part and what does not. The corrected mask is then the photo's "
    "mask in Explanation and Protection (makeup and hiding) too, as long as this page is open."
)


def build_inside(bench: Workbench, one: Screen, tab: gr.Tab) -> None:
    """Lay the editor out in the tab that is open. one: the tab whose answer is corrected."""
    gr.Markdown(HINT)
    editor = mask_editor.component("correct-editor")
    by = model_choice(
        bench, "clicks", "Clicks are mended by", visible=len(bench.here("clicks")) > 1, elem_id="correct-clicks"
    )
    with gr.Row():
        names = {"palette": "Part map (PNG)", "masks": "Masks (zip)", "coco": "COCO (JSON)", "own": "Mask (JSON)"}
        files = [
            gr.DownloadButton(name, size="sm", interactive=False, elem_id=f"correct-{word}")
            for word, name in names.items()
        ]
    with gr.Row():
        saved = gr.File(
            label="Open a saved mask (PNG, COCO, zip, JSON)",
            file_types=[".png", ".json", ".zip"],
            elem_id="correct-open",
            min_width=300,
            height=170,
        )
        back = gr.Button("Back to the model's mask", size="sm", elem_id="correct-back")
    table = gr.Dataframe(
        label="The model's mask against yours", headers=COLUMNS, interactive=False, elem_id="correct-score"
    )

    tab.select(bound(load, bench), one.answer, [editor, table, *files], **QUIET)
    # The page's photo can change while this tab is open: nothing of the old one stays.
    one.source.change(lambda: load(bench, None), None, [editor, table, *files], queue=False, **QUIET)
    outputs = [*one.shown, editor, table, *files]
    looks = gr.State(None, time_to_live=bench.settings.photo_lifetime)
    click = editor.select(
        bound(refine, bench),
        [one.answer, looks, by],
        [editor, looks],
        concurrency_id=MODELS_QUEUE,
        concurrency_limit=MODELS_AT_ONCE,
        **QUIET,
    )
    click.failure(sorry, None, editor, **QUIET)
    runs = [
        editor.submit(bound(keep, bench), [one.answer, one.source], outputs, **QUIET),
        saved.upload(
            bound(open_mask, bench), [one.answer, one.source, one.model, saved], outputs, api_name="correct_mask"
        ),
        back.click(bound(forget, bench), [one.answer, one.source], outputs, **QUIET),
    ]
    for run in runs:
        offer(run, *files, one.shown[-1])
        run.success(bound(write_downloads, bench), one.answer, one.files, **QUIET)
        run.failure(sorry, None, editor, **QUIET)


def load(bench: Workbench, answer: Answer | None) -> tuple[Any, ...]:
    """What the editor shows of an answer, the scores of a corrected mask, and no downloads of another photo's."""
    mine = answer is not None and answer.model_parsing is not None
    files = [gr.skip() if mine else gr.DownloadButton(value=None, interactive=False) for _ in range(4)]
    return (None, None, *files) if answer is None else (editor_value(answer), score_table(answer), *files)


def keep(bench: Workbench, answer: Answer | None, source: Any, event: gr.EventData) -> tuple[Any, ...]:
    """The mask that came from the editor becomes the photo's. Raises BadRequest for one that is none."""
    from workbench.tasks.mask_edit import carried, read_codes

    answer = same_answer(answer, event)
    seen = answer.seen_parsing
    labels, owners = read_codes(png_bytes(sent(event).get("labels"), bench), seen.labels.shape, len(seen.faces))
    parsing = carried(answer.parsing, seen, labels, owners)
    new = _kept(bench, answer, source, parsing)
    words = "This mask is the photo's mask from now on."
    return (*shown_parts(bench, new), gr.HTML(patch=told(kept=new.key, words=words)), *_beside(bench, new))


def open_mask(
    bench: Workbench,
    answer: Answer | None,
    source: str | None,
    model: str,
    saved: str | None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> tuple[Any, ...]:
    """Open a saved mask (part map PNG, COCO, zip of masks, our JSON) as the photo's mask from now on, on this page.

    Returns what `parse` returns, the editor's content, the table of IoU per part against the model's mask, and the mask
    as PNG, zip, COCO and JSON.
    """
    from workbench.tasks.mask_files import read_mask

    if saved is None:
        raise BadRequest("Choose a file with a saved mask.")
    answer = answer or run_parser(bench, source, model, progress)
    path = Path(saved)
    if path.stat().st_size > bench.settings.max_bytes:
        raise BadRequest(f"The file is larger than {bench.settings.max_bytes // 1_000_000} MB.")
    new = _kept(bench, answer, source, read_mask(path.read_bytes(), answer.model_parsing or answer.parsing))
    return (*shown_parts(bench, new), editor_value(new), *_beside(bench, new))


def forget(bench: Workbench, answer: Answer | None, source: Any) -> tuple[Any, ...]:
    """The model's mask is the photo's again."""
    if answer is None or answer.model_parsing is None:
        raise BadRequest("This photo has the model's mask already.")
    found = _found(bench, answer, source)
    for image in (found.image, limit(found.image, bench.settings.working_side)):
        bench.corrections.drop(visitor(), image)
    new = answered(bench, found, answer.model_parsing)
    return (*shown_parts(bench, new), editor_value(new), *_beside(bench, new))


def score_table(answer: Answer) -> pd.DataFrame:
    """A row per part: how much the model's mask agrees with the corrected one; none while nothing was corrected."""
    from workbench.tasks.mask_edit import score

    rows = [] if answer.model_parsing is None else score(answer.model_parsing, answer.parsing)
    cells = [[title(row["part"]), round(row["iou"], 3), row["pixels_model"], row["pixels_corrected"]] for row in rows]
    return pd.DataFrame(cells, columns=COLUMNS)


def _kept(bench: Workbench, answer: Answer, source: Any, parsing: Parsing) -> Answer:
    """The answer with another mask, which everything on this page finds from now on."""
    found = _found(bench, answer, source)
    new = answered(bench, found, parsing, answer.model_parsing or answer.parsing)
    bench.corrections.keep(visitor(), found.image, new.parsing)
    if new.seen is not found.image:
        bench.corrections.keep(visitor(), new.seen, new.seen_parsing)
    return new


def _found(bench: Workbench, answer: Answer, source: Any) -> Found:
    found = find_in(bench, source)
    if found.image.shape[:2] != answer.parsing.labels.shape or len(found.faces) != len(answer.parsing.faces):
        raise BadRequest("The photo was changed meanwhile. Parse it again, then correct its mask.")
    return found


def _beside(bench: Workbench, answer: Answer) -> tuple[Any, ...]:
    """The scores, and the mask as files: part map, zip, COCO, our JSON."""
    from workbench.tasks import mask_files, parsing_export

    folder = results(bench.settings)
    written: dict[str, bytes] = {
        "parts.png": parsing_export.palette_png(answer.parsing),
        "masks.zip": parsing_export.masks_zip(answer.parsing),
        "parts.coco.json": parsing_export.coco_json(answer.parsing, answer.name).encode(),
        "mask.json": mask_files.parsing_json(answer.parsing, answer.name).encode(),
    }
    paths = [folder / f"{answer.stem}_{word}" for word in written]
    for path, data in zip(paths, written.values(), strict=True):
        path.write_bytes(data)
    return (score_table(answer), *map(str, paths))
