"""Hide in video: every face of a clip in every picture, searched again; people of reference photos stay visible."""

from pathlib import Path
from typing import Any

import gradio as gr

from workbench import checks
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import PLAIN, read_photo, results
from workbench.ui.protection import views
from workbench.ui.protection.plain import KINDS
from workbench.watch import CURRENT

MOST = 50
"""People who may be kept."""


def build_inside(bench: Workbench) -> None:
    """Lay the sub-tab out."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            source = gr.Video(
                label=f"Clip (up to {bench.settings.max_clip_seconds // 60} minutes)",
                sources=["upload"],
                height=260,
                elem_id="hide-video-clip",
            )
            kind = gr.Radio(KINDS, value="blur", label="How", elem_id="hide-video-kind")
            strength = gr.Slider(0.25, 4, 2.0, step=0.25, label="Strength", elem_id="hide-video-strength")
            kept = gr.File(
                label="Keep these people visible (photos, one face each)",
                file_count="multiple",
                file_types=["image"],
                height=170,
                elem_id="hide-video-keep",
            )
            sound = gr.Checkbox(True, label="Keep the sound (voices tell who speaks)", elem_id="hide-video-sound")
            start, stop = run_buttons("Hide in video", "hide-video")
            gr.Markdown("Any length, resumable: `python -m workbench hide-video CLIP`")
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome("hide-video", start, stop, named=[kind], empty="Drop a clip, then press Hide in video.")
            written = gr.Video(label="Hidden", interactive=False, height=360, elem_id="hide-video-result", buttons=[])
            words = gr.HTML(elem_id="hide-video-words")
            sheet = gr.Image(
                label="Twelve of its pictures", interactive=False, buttons=PLAIN, elem_id="hide-video-sheet"
            )
            saved = gr.DownloadButton(
                "Clip (MP4, no metadata)", size="sm", interactive=False, elem_id="hide-video-file"
            )
    outcome.run(
        start.click,
        bound(hide_video, bench),
        [source, kind, strength, kept, sound],
        [written, words, sheet, saved],
        api_name="hide_video",
        show_progress_on=[written],
        concurrency_id=MODELS_QUEUE,
        concurrency_limit=MODELS_AT_ONCE,
    )
    outcome.photos([source])
    outcome.ages(kind, strength, kept, sound)
    outcome.cancels()


@GPU
def hide_video(
    bench: Workbench,
    source: str | None,
    kind: str = "blur",
    strength: float = 2.0,
    keep: list[str] | None = None,
    sound: bool = True,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> tuple[Any, ...]:
    """Hide every face of a clip, and search what was written again, picture by picture.

    kind: blur, mosaic, silhouette, or drawn, a face of nobody instead. strength: 0.25 to 4. keep: photos of people who
    stay visible, one face each.
    Returns the clip, what was done, twelve of its pictures, and the clip as a file. A face that can still be found is
    an error, and nothing is saved.
    """
    from workbench.images import encode_jpeg
    from workbench.ui.protection.stage import stage
    from workbench.video.clip import Limits
    from workbench.video.hide import hide
    from workbench.video.keeping import keep as people
    from workbench.video.reading import open_clip
    from workbench.video.seeing import QUICK, Eyes
    from workbench.video.segment import Wish
    from workbench.video.sheet import contact_sheet

    checks.number("strength", strength, 0.25, 4)
    if not isinstance(source, str) or not source:
        raise BadRequest("Drop a clip first.")
    photos = list(keep or ())
    if len(photos) > MOST:
        raise BadRequest(f"Expected at most {MOST} photos of people to keep, got {len(photos)}.")
    clip = open_clip(Path(source), Limits.of_server(bench.settings))
    wish = Wish(str(kind), float(strength), sound=bool(sound))
    known = [read_photo(path, bench.settings) for path in photos]
    wanted = people(known, bench.recogniser(), bench.finder()) if known else None
    lent = stage(bench) if wish.kind == "drawn" else None
    out = results(bench.settings) / f"{clip.stem}_hidden.mp4"
    done = hide(clip, out, Eyes(bench.finder(QUICK), bench.finder()), wish, wanted, CURRENT.get(), None, lent)
    page = out.with_name("sheet.jpg")
    page.write_bytes(encode_jpeg(contact_sheet(open_clip(out))))
    said = views.box("Searched again: no hidden face is found", " ".join([done.words(), *done.notes]), "good", "hidden")
    return str(out), said, str(page), str(out)
