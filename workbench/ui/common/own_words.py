"""Words that somebody gave (a file's name, a study's title) within a text in Markdown.

They show letter by letter: a name with `_` or `*` in it kept neither, one with `![](address)` made the page fetch that
address, and one that reads like a text of the page was translated. Knows nothing of where the words come from.
"""

import re

from workbench.batch.names import escaped

_MARKS = re.compile(r"[\\`*_{}\[\]()#+!|~:]")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"}


def own_words(text: str) -> str:
    """A text as Markdown that shows it as it is, in every language of the page."""
    return f'<span class="given">{letter_by_letter(text)}</span>'


def letter_by_letter(text: str) -> str:
    """A sentence with such words in it as Markdown that shows every letter of it."""
    return re.sub(r"[&<>$]", lambda found: _HTML[found[0]], _MARKS.sub(r"\\\g<0>", escaped(text)))
