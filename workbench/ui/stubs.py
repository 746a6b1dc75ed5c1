"""Leaves out what Gradio (6.31) does as it is imported: it writes type stubs for editors beside each of its components,
a template and two parses for every one, which is over a second of each start. They come with it; nothing asks for them.

Knows nothing of Gradio but a module's name and a function's; where these are others, nothing is left out.
"""

import importlib.util
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MODULE, FUNCTION = "gradio.component_meta", "create_or_modify_pyi"


class _Once(MetaPathFinder):
    """Finds that module once, as it would be found, and takes the function's place when it was read."""

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The module's own spec; None for every other."""
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            read = spec.loader.exec_module

            def read_and_leave(module: ModuleType) -> None:
                read(module)
                if hasattr(module, FUNCTION):
                    setattr(module, FUNCTION, leave)

            spec.loader.exec_module = read_and_leave  # type: ignore[method-assign]
        return spec


def leave(*component: Any) -> None:
    """Write no stub."""


def leave_out() -> None:
    """From now on; no use once Gradio was imported."""
    if MODULE not in sys.modules:
        sys.meta_path.insert(0, _Once())
