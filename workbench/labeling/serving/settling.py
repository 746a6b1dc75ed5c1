"""What is owed to whom on a crowd platform: submissions there beside the answers here."""

from dataclasses import dataclass

from workbench.errors import StudyError
from workbench.labeling.serving.prolific import Prolific, Submission
from workbench.labeling.store import people, readout
from workbench.labeling.store.store import Store
from workbench.labeling.study.study import Study

BONUS = "prolific bonus"
"""The audit log's word for a bonus."""
WAITING = "AWAITING REVIEW"
"""What Prolific calls a submission that nobody has decided about."""


@dataclass(frozen=True, slots=True)
class Due:
    """What to do with a submission. action: approve, ask_back or look (a person has to). why: in a sentence."""

    submission: Submission
    rater: str
    action: str
    why: str


def due(store: Store, study: Study, submissions: list[Submission]) -> list[Due]:
    """A decision for every submission that waits for one.

    A submission is a rater's only when both its id (the session) and the participant are theirs: an id alone can be
    known to others. Withdrawing does not cost the pay; but then nobody knows here whose it was, and a person looks.
    """
    known = people.sessions(store.database, study.name)
    found = []
    for one in submissions:
        if one.status != WAITING:
            continue
        rater = known.get((one.participant, one.submission), "")
        if not rater:
            found.append(Due(one, "", "look", "No rater here came with this session; perhaps they withdrew."))
            continue
        if readout.noted(store.database, study.name, "prolific ask_back", rater):
            found.append(Due(one, rater, "look", "Asked back already; it waits until they return it."))
            continue
        outcome = store.standing(study, rater).outcome(study)
        if outcome in ("complete", "full"):
            found.append(Due(one, rater, "approve", "Enough answers that can be counted."))
        else:
            found.append(Due(one, rater, "ask_back", "Too few answers that can be counted, or gold below the rule."))
    return found


def settle(platform: Prolific, store: Store, study: Study, decided: list[Due]) -> list[str]:
    """Carry out decisions, each noted in the audit log when it is done; a sentence on each that was not possible.

    The log names the rater and never the platform's ids, which go with a withdrawal.
    """
    troubles = []
    for one in decided:
        if one.action == "look":
            continue
        try:
            carry_out = platform.approve if one.action == "approve" else platform.ask_back
            carry_out(one.submission.submission)
            store.write_down(study.name, "owner", f"prolific {one.action}", one.rater)
        except StudyError as error:
            troubles.append(f"{one.submission.submission}: {error}")
    return troubles


def pay_bonuses(platform: Prolific, store: Store, study: Study, study_id: str, amounts: dict[str, float]) -> str:
    """Pay raters a bonus each, rater → amount; the platform's id of the payment.

    Noted before it is sent, because the platform pays twice what is sent twice: should the answer be lost, look there.
    Raises StudyError for a rater the platform does not know, and for one who was paid a bonus here before.
    """
    who = {rater: participant for (participant, _), rater in people.sessions(store.database, study.name).items()}
    if lost := sorted(set(amounts) - set(who)):
        raise StudyError(f"Bonuses: nobody on the platform is {', '.join(lost[:5])}.")
    paid = {words.split()[0] for words in readout.all_noted(store.database, study.name, BONUS)}
    if twice := sorted(set(amounts) & paid):
        raise StudyError(f"Bonuses: {', '.join(twice[:5])} had one already; nothing was paid.")
    bonus = platform.set_up_bonuses(study_id, {who[rater]: amount for rater, amount in amounts.items()})
    for rater, amount in amounts.items():
        store.write_down(study.name, "owner", BONUS, f"{rater} {amount:.2f} {bonus}")
    platform.pay_bonuses(bonus)
    return bonus
