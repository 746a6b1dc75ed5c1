"""The report's section on disputed items: before, after, and who decided."""

from workbench.labeling.report import page
from workbench.labeling.report.page import card, section, table
from workbench.labeling.statistics.adjudication import Adjudicated
from workbench.labeling.study.disputes import Adjudication

_MOST = 200


def adjudication_section(found: Adjudicated, rule: Adjudication) -> str:
    """Words, who decided, and every disputed item."""
    counts, known = found.counts, found.known
    words = (
        f"{_said(rule)} {counts['decided']:,} items are decided, {counts['changed']:,} of them otherwise than most "
        f"raters said (or where they were level); {counts['disputed']:,} wait. Raters’ answers stay as they are: every "
        "other figure on this page is of raters alone."
    )
    if known:
        words += (
            f" Of {known:,} decided items of known truth, most raters were right in {found.right_before:g} and the "
            f"decision in {found.right_after:g}; a tie counts half."
        )
    who = {"rater": "Who decided", "decided": "Decisions", "with_majority": "As most raters said"}
    names = {
        "item": "Item",
        "group": "Group",
        "answers": "Answers",
        "share": "Most given",
        "before": "Before",
        "disputed": "Disputed",
    }
    names |= {"after": "After", "by": "Decided by"}
    shown = found.items.sort_values(["after", "share", "item"], ascending=[False, True, True]).head(_MOST)
    parts = [page.paragraphs(words)]
    if len(found.who):
        parts.append(card(table(found.who, who)))
    if len(shown):
        left = len(found.items) - len(shown)
        title = "Before and after" + (f" (the first {_MOST}; {left:,} more are in the table)" if left else "")
        parts.append(page.folded(title, table(shown, names)))
    return section("Disputed items", "".join(parts))


def _said(rule: Adjudication) -> str:
    if rule.rule == "posterior":
        sure = f"is less than {_percent(rule.certain)} certain"
        return f"An item is disputed when its most given class {sure} after {rule.least} answers."
    if rule.rule:
        sure = f"has less than {_percent(rule.share)} of the answers"
        return f"An item is disputed when its most given class {sure}, of {rule.least} or more."
    return "The study has no rule for disputes any more; what was decided stands."


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
