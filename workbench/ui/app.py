"""The page: one tab per row of `TABS`, the one photo that all of them read, the look, and the launch."""

import importlib
import importlib.util
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from workbench import memory
from workbench.bench import Workbench
from workbench.errors import WorkbenchError
from workbench.labeling.serving.service import stop_on_signals
from workbench.tabs import TABS, Tab
from workbench.ui.common import languages, later, uploads
from workbench.ui.common.background import RUNNING
from workbench.ui.common.direct import Direct
from workbench.ui.common.door import Page, Quiet, SameSite
from workbench.ui.common.draining import Draining
from workbench.ui.common.examples import thumbnails
from workbench.ui.common.health import Health
from workbench.ui.common.light import Light
from workbench.ui.common.limits import WAITING, Limits, client_of
from workbench.ui.common.sessions import bounded
from workbench.ui.common.strip import photo_strip
from workbench.ui.common.widgets import refusals, tab_row
from workbench.ui.first_screen import tab as first_screen
from workbench.ui.models import tab as models_page
from workbench.ui.protection.pictures import style as look_style

TITLE = "Face Workbench"
COMMON = Path(__file__).parent / "common"
MOTTO = "See what face models do, and whether to believe them."

SKIP = '<a class="skip" href="#tabs">Skip to the tabs</a>'

PRIVACY = "Your photos stay on this server, for at most an hour."
FOOTER = (
    "Photos are never logged and never leave this server. "
    "Each model's licence, and that of its training data, stands beside it."
)


def theme() -> gr.themes.Base:
    """Local fonts only: the page asks no other server for anything."""
    fonts = ["system-ui", "Segoe UI", "Roboto", "Helvetica", "sans-serif"]
    soft = gr.themes.Soft(
        primary_hue="indigo", neutral_hue="slate", font=fonts, font_mono=["ui-monospace", "Consolas", "monospace"]
    )
    return soft.set(
        background_fill_primary="*neutral_50",  # Soft's own, which `set` forgets
        color_accent="*primary_600",
        block_label_text_color="*primary_700",
        block_label_text_color_dark="white",
        block_title_text_color="*primary_700",
        block_title_text_color_dark="white",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        link_text_color_hover_dark="*primary_200",
        link_text_color_active_dark="*primary_300",
        link_text_color_visited_dark="*primary_300",
        checkbox_label_background_fill_selected="*primary_600",
        checkbox_border_color="*neutral_500",  # Soft's is nearly the white of the page: an empty box could not be seen
        checkbox_border_color_dark="*neutral_400",
        checkbox_border_color_hover="*neutral_600",
        checkbox_border_color_hover_dark="*neutral_200",
        checkbox_border_width_dark="1px",
        input_border_width="1px",
        input_border_color="*neutral_400",
        input_border_color_dark="*neutral_500",
    )


def script(tabs: tuple[Tab, ...]) -> str:
    """The page's own JavaScript: the tab one is in stands in the address, and Gradio's gaps in access are mended."""
    names = ("spoken.js", "page.js", "outcome.js", "focus.js")
    spoken, page, outcome, focus = ((COMMON / name).read_text(encoding="utf-8").strip() for name in names)
    outcome = refusals() + outcome
    named = {first_screen.STEM: first_screen.TITLE} | {tab.stem: tab.title for tab in tabs}
    named |= {models_page.STEM: models_page.TITLE}
    titles = json.dumps(named) if len(tabs) > 1 else "{}"
    page = page.replace("__TITLES__", titles).replace("__NAME__", json.dumps(TITLE))
    return f"() => {{ {spoken};\n{outcome};\n{focus};\n({page})(); }}"


def _tabs_of(demo: gr.Blocks) -> tuple[Tab, ...]:
    """The tabs a page shows; none where it is one tab's own."""
    shown = {getattr(block, "elem_id", None) for block in demo.blocks.values()}
    return tuple(tab for tab in TABS if f"tab-{tab.stem}" in shown)


def opened(*tasks: str, fetch: bool = False) -> Workbench:
    """The bench of a page that is started as a script, from `os.environ`.

    fetch: bring the default models of these tasks here first (a Space does). Leaves with one sentence, SystemExit, when
    the environment asks for what is not there.
    """
    try:
        bench = Workbench.from_env()
        if fetch:
            bench.fetch_defaults(*tasks)
        bench.preload(*tasks)
    except WorkbenchError as error:
        raise SystemExit(f"error: {error}") from None
    return bench


def builder(tab: Tab) -> Callable[..., gr.Blocks]:
    """The function that builds a tab, imported now."""
    module, _, name = tab.build.partition(":")
    build: Callable[..., gr.Blocks] = getattr(importlib.import_module(module), name)
    return build


def build_app(bench: Workbench, tabs: tuple[Tab, ...] = TABS) -> gr.Blocks:
    """The whole workbench as one page."""
    prepare(bench)
    with Page(title=TITLE, analytics_enabled=False, delete_cache=(600, bench.settings.photo_lifetime)) as demo:
        gr.HTML(SKIP + f"<h1>{TITLE}</h1><p>{MOTTO}</p>" + languages.choice(), elem_id="headline")
        photo = photo_strip(bench)
        with tab_row(elem_id="tabs"):
            if len(tabs) > 1:
                with gr.Tab(**first_screen.settings()):
                    first_screen.build(bench, photo)
            for tab in tabs:
                with gr.Tab(f"{tab.emoji} {tab.title}", id=tab.stem, elem_id=f"tab-{tab.stem}"):
                    builder(tab)(bench, photo)
            if len(tabs) > 1:
                with gr.Tab(**models_page.settings()):
                    models_page.build(bench)
        gr.Markdown(FOOTER)
        later.put_off()
    return demo


def build_tab(bench: Workbench, tab: Tab) -> gr.Blocks:
    """One tab as a page of its own, as its Space shows it."""
    prepare(bench)
    with Page(title=tab.title, analytics_enabled=False, delete_cache=(600, bench.settings.photo_lifetime)) as demo:
        heading = f"<h1>{tab.emoji} {tab.title}</h1><p>{tab.sentence} {PRIVACY}</p>"
        gr.HTML(heading + languages.choice(), elem_id="headline")
        builder(tab)(bench, None)
        gr.Markdown(FOOTER)
        later.put_off()
    return demo


def prepare(bench: Workbench) -> None:
    """Point Gradio's files at the folder that is swept, before the first component is made."""
    os.environ["GRADIO_TEMP_DIR"] = str(uploads.folder(bench.settings))
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


def launch(demo: gr.Blocks, bench: Workbench, **options: Any) -> Any:
    """Serve a page with our look, without analytics, run history or monitoring, and keep its uploads swept.

    Returns when the person presses Ctrl-C, within seconds whatever runs; at once with `prevent_thread_lock`.
    """
    memory.few_pools()
    settings, blocks = bench.settings, not options.pop("prevent_thread_lock", False)
    if settings.mcp:
        _name_tools(demo)
    draining = Draining(lambda: _is_busy(demo), settings.drain_seconds)
    started = demo.queue(default_concurrency_limit=8, api_open=False, max_size=WAITING).launch(
        **{
            "server_name": settings.host,
            "server_port": settings.port,
            "root_path": settings.root_path or None,
            "theme": theme(),
            "css": (COMMON / "page.css").read_text(encoding="utf-8") + thumbnails(settings) + look_style(),
            "js": script(
                TABS if any(getattr(block, "elem_id", "") == "tabs" for block in demo.blocks.values()) else ()
            ),
            "favicon_path": str(COMMON / "favicon.png"),
            "max_file_size": max(settings.max_bytes, settings.max_clip_bytes),
            "run_history": False,
            "enable_monitoring": False,
            "ssr_mode": False,
            "pwa": False,
            "mcp_server": settings.mcp and _mcp(),
            "show_error": False,
            "footer_links": ["api", "settings"],
            "app_kwargs": {
                "middleware": _layers(demo, bench, draining),
                "lifespan": bounded(settings.session_memory, settings.photo_lifetime),
            },
            "prevent_thread_lock": True,
            "_frontend": False,  # else Gradio ends a busy machine that needs over three seconds for its first page
            **options,
        }
    )
    if settings.mcp:
        from workbench.ui.common import agents

        agents.serve(demo)
    if blocks:
        if settings.drain_seconds:
            stop_on_signals(draining)
        _until_interrupted(demo)
    return started


def _is_busy(demo: gr.Blocks) -> bool:
    """Whether a visitor's call runs or waits."""
    return bool(len(demo._queue) or any(demo._queue.active_jobs) or RUNNING.count())


def _name_tools(demo: gr.Blocks) -> None:
    """Let agents know every endpoint by its name in the API; Gradio would tell them the function's."""
    for fn in demo.fns.values():
        if fn.api_visibility == "public" and fn.api_name and fn.fn is not None:
            fn.fn.__name__ = str(fn.api_name)


def _mcp() -> bool:
    """Whether agents can be served. Leaves with one sentence when the package for it is not here."""
    if importlib.util.find_spec("mcp") is None:
        raise SystemExit("error: WORKBENCH_MCP=1 needs the package mcp: pip install 'face-workbench[mcp]'")
    return True


def _until_interrupted(demo: gr.Blocks) -> None:
    """Wait for Ctrl-C, then stop the work that runs and the connections that wait for it."""
    try:
        while demo.is_running:
            time.sleep(0.2)
    except KeyboardInterrupt:
        RUNNING.stop(1.0)
        if demo.server is not None:
            demo.server.config.timeout_graceful_shutdown = 1
        demo.close(verbose=False)


def _layers(demo: gr.Blocks, bench: Workbench, draining: Draining) -> list[Middleware]:
    """What stands in front of Gradio, outermost first."""
    settings, sweeper = bench.settings, uploads.keep_swept(bench.settings)

    def waiting() -> list[str]:
        queues = list(demo._queue.event_queue_per_concurrency_id.values())
        return [client_of(event.request.scope, settings.proxies) for queue in queues for event in list(queue.queue)]

    return [
        Middleware(
            Health,
            sweeper=sweeper,
            waiting=lambda: len(demo._queue),
            stopped=lambda: draining.begun or bool(demo._queue.stopped),
        ),
        Middleware(Quiet),
        Middleware(SameSite, bound_to=settings.host, hosts=settings.allowed_hosts),
        Middleware(Limits, settings=settings, queue=waiting, room=sweeper),
        Middleware(Direct, demo=demo),
        Middleware(languages.Languages),
        Middleware(Light, title=str(demo.title), sentence=MOTTO, doors=later.doors(demo), script=languages.script()),
    ]
