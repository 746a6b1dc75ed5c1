"""The questions a study can ask, as data: what is shown, which answers there are, which key gives which answer.

A new kind of question is a new row here; the store, the screen and the statistics read it from this table.
"""

import random
from dataclasses import dataclass

from workbench.errors import StudyError

SKIP = "skip"
"""The answer of a row that passes an item on; it counts for nobody."""

ACTION_KEYS = {"undo": "z", "skip": " ", "broken": "b", "known": "k", "help": "?"}
"""What the raters' screen does on these keys, until a rater chooses others. No answer may have one of them."""
CHOICE_KEYS = "123456789acdefgh"
"""Keys of a study's own choices, in their order."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One possible answer. key: what is stored. title: what is read. value: its place on the scale, None without one.

    kind: the coarser class that gold and truth may name ("same" for all three confident levels of same). hotkey:
    default key.
    """

    key: str
    title: str
    value: float | None = None
    kind: str = ""
    hotkey: str = ""


@dataclass(frozen=True, slots=True)
class TaskType:
    """One kind of question. images: how many are shown. question: `{attribute}` is replaced by the study's word.

    choose_image: the answer names one of the images, so side swaps rename it. ordinal: the answers' values form a
    scale.
    open_choices: the study itself lists the answers. fixed: this many images on the left never move (the reference).
    picks: how many pictures an answer names, the most first and the least second. ranks: answers say which picture has
    more of something, so that pictures, or what made them, can be ranked. form: what the answer says beyond its class,
    one of `details` ("" nothing). beside: a further picture that an item may have and no rater sees.
    """

    name: str
    title: str
    question: str
    images: int
    answers: tuple[Answer, ...] = ()
    choose_image: bool = False
    ordinal: bool = False
    open_choices: bool = False
    needs_attribute: bool = False
    fixed: int = 0
    picks: int = 1
    ranks: bool = False
    form: str = ""
    beside: int = 0

    @property
    def buttons(self) -> tuple[Answer, ...]:
        """What the screen offers: the answers, or, where two pictures are picked one after the other, one for each."""
        if self.picks == 1:
            return self.answers
        names = ("First", "Second", "Third", "Fourth")
        return tuple(Answer(f"image_{n}", names[n - 1], hotkey=str(n)) for n in range(1, self.images + 1))


def _best_and_worst(images: int) -> tuple[Answer, ...]:
    every = range(1, images + 1)
    return tuple(
        Answer(f"image_{best}>image_{worst}", f"{best} most, {worst} least")
        for best in every
        for worst in every
        if best != worst
    )


_LEFT_RIGHT = (Answer("image_1", "The left one", hotkey="1"), Answer("image_2", "The right one", hotkey="2"))
_BESIDE_REFERENCE = (Answer("image_2", "The middle one", hotkey="1"), Answer("image_3", "The right one", hotkey="2"))
_TIE = Answer("tie", "No difference", hotkey="3")


def _scale(top: int) -> tuple[Answer, ...]:
    ends = {1: "1 – not at all", top: f"{top} – very"}
    return tuple(Answer(str(n), ends.get(n, str(n)), float(n), hotkey=str(n)) for n in range(1, top + 1))


_EXPRESSIONS = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")

_SAME_DIFFERENT = (
    Answer("different_3", "Different, certain", -3.0, "different", "1"),
    Answer("different_2", "Different, fairly sure", -2.0, "different", "2"),
    Answer("different_1", "Different, a guess", -1.0, "different", "3"),
    Answer("same_1", "Same, a guess", 1.0, "same", "4"),
    Answer("same_2", "Same, fairly sure", 2.0, "same", "5"),
    Answer("same_3", "Same, certain", 3.0, "same", "6"),
)

TASK_TYPES: dict[str, TaskType] = {
    row.name: row
    for row in (
        TaskType(
            "same_different",
            "Same or different person",
            "Do both pictures show the same person?",
            2,
            _SAME_DIFFERENT,
            ordinal=True,
        ),
        TaskType("similarity_5", "Similarity, 1 to 5", "How similar are these two faces?", 2, _scale(5), ordinal=True),
        TaskType("similarity_7", "Similarity, 1 to 7", "How similar are these two faces?", 2, _scale(7), ordinal=True),
        TaskType(
            "triplet",
            "Which of two is closer",
            "Which face on the right looks more like the first one?",
            3,
            _BESIDE_REFERENCE,
            choose_image=True,
            fixed=1,
        ),
        TaskType(
            "odd_one_out",
            "Odd one out",
            "Which of the three faces is the odd one out?",
            3,
            tuple(Answer(f"image_{n}", name, hotkey=str(n)) for n, name in ((1, "Left"), (2, "Middle"), (3, "Right"))),
            choose_image=True,
        ),
        TaskType(
            "better_of_two",
            "Blind comparison of two results",
            "Which result {attribute}?",
            2,
            (*_LEFT_RIGHT, _TIE),
            choose_image=True,
            needs_attribute=True,
            ranks=True,
        ),
        TaskType(
            "better_with_original",
            "Blind comparison of two results beside the original",
            "The original is on the left. Which of the two results {attribute}?",
            3,
            (*_BESIDE_REFERENCE, _TIE),
            choose_image=True,
            needs_attribute=True,
            fixed=1,
            ranks=True,
        ),
        TaskType(
            "more_of_two",
            "Which of two has more of it",
            "Which looks more {attribute}?",
            2,
            _LEFT_RIGHT,
            choose_image=True,
            needs_attribute=True,
            ranks=True,
        ),
        TaskType(
            "best_worst",
            "Most and least of four",
            "Which looks most {attribute}, and which least?",
            4,
            _best_and_worst(4),
            choose_image=True,
            needs_attribute=True,
            picks=2,
            ranks=True,
        ),
        TaskType(
            "rating_5",
            "Attribute rating, 1 to 5",
            "How {attribute} does this face look?",
            1,
            _scale(5),
            ordinal=True,
            needs_attribute=True,
        ),
        TaskType(
            "real_of_two",
            "Which picture is real",
            "Which picture is a real photograph?",
            2,
            _LEFT_RIGHT,
            choose_image=True,
        ),
        TaskType(
            "expression",
            "Expression, how strong, and where it lies",
            "Which expression does this face show?",
            1,
            tuple(Answer(name, name.capitalize(), hotkey=str(n)) for n, name in enumerate(_EXPRESSIONS, start=1)),
            form="expression",
        ),
        TaskType(
            "action_units",
            "Action units",
            "Which movements do you see in this face?",
            1,
            (Answer("coded", "Some"), Answer("none", "None of them")),
            form="units",
        ),
        TaskType(
            "points",
            "Points on the picture",
            "Where is each of these points?",
            1,
            (Answer("placed", "Placed"),),
            form="points",
        ),
        TaskType(
            "correct_mask",
            "Correct a mask",
            "The colour should cover exactly this: {attribute}. Paint what is missing, erase what is too much.",
            2,
            (Answer("corrected", "Corrected"), Answer("fine", "It fits as it is", hotkey="f")),
            needs_attribute=True,
            fixed=2,
            form="mask",
        ),
        TaskType(
            "attention",
            "Where would you look",
            "Paint where you would look: {attribute}",
            1,
            (Answer("drawn", "Drawn"),),
            needs_attribute=True,
            form="attention",
            beside=1,
        ),
        TaskType(
            "category", "Attribute label", "Which is it: {attribute}?", 1, open_choices=True, needs_attribute=True
        ),
    )
}


def find_task(name: str) -> TaskType:
    """The task type of this name. Raises StudyError naming those there are."""
    if not isinstance(name, str) or name not in TASK_TYPES:
        raise StudyError(f"There is no task type {str(name)[:60]!r}; expected one of {', '.join(TASK_TYPES)}.")
    return TASK_TYPES[name]


def picked(answer: str) -> list[int]:
    """Which pictures of an item, from 0, an answer that chooses names, the most first; none for a tie."""
    return [int(word.removeprefix("image_")) - 1 for word in answer.split(">") if word.startswith("image_")]


def display_order(task: TaskType, seed: int) -> list[int]:
    """Which picture stands where, from left to right: a shuffle by the lease's seed that leaves a reference in its
    place."""
    fixed, rest = list(range(task.fixed)), list(range(task.fixed, task.images))
    random.Random(seed).shuffle(rest)
    return fixed + rest


def choices_as_answers(choices: tuple[str, ...]) -> tuple[Answer, ...]:
    """Answers of an attribute study, at most sixteen: keys 1 to 9, then letters that no action has."""
    return tuple(Answer(choice, choice, hotkey=CHOICE_KEYS[index]) for index, choice in enumerate(choices))


def check_keys(answers: tuple[Answer, ...]) -> None:
    """Raises StudyError when an answer has the key of another one, or of an action."""
    taken = {key: f"the action {name!r}" for name, key in ACTION_KEYS.items()}
    for answer in answers:
        if not answer.hotkey:
            continue
        if answer.hotkey in taken:
            raise StudyError(
                f"Answer {answer.key!r} has the key {answer.hotkey!r}, which belongs to {taken[answer.hotkey]}. "
                "Give it another."
            )
        taken[answer.hotkey] = f"the answer {answer.key!r}"
