"""Who asks: the open page an event came from, as a name that only that page knows. Not who the person is.

A browser chooses its own name, so it opens nothing by itself: what is kept under it is also kept under the photo it
belongs to.
"""

from contextvars import ContextVar

VISITOR: ContextVar[str] = ContextVar("visitor", default="")
"""Set in threads that work for an event, which have no request of their own."""


def visitor() -> str:
    """The page's name; "" where no page asked, as in a library call."""
    from gradio.context import LocalContext

    return str(getattr(LocalContext.request.get(None), "session_hash", None) or VISITOR.get())
