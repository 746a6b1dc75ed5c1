"""Pictures drawn at once: in order, each by one thread that splits nothing, told as one work and ended together."""

import threading

import numpy as np
import pytest
import torch

from workbench.errors import Cancelled
from workbench.models.portraits.together import drawn
from workbench.watch import CURRENT, Watch


def blank(value: int) -> np.ndarray:
    return np.full((2, 2, 3), value, np.uint8)


def test_pictures_come_in_the_order_of_their_rows_whoever_is_done_first():
    first_is_slow = threading.Event()

    def draw(row, watch, show):
        if row == 0:
            assert first_is_slow.wait(10)
        first_is_slow.set()
        return blank(row)

    assert [int(picture[0, 0, 0]) for picture in drawn(3, draw, Watch(), threads=2)] == [0, 1, 2]


def test_each_has_one_thread_of_torch_and_everybody_else_keeps_theirs():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    seen, later = [], []
    try:
        drawn(4, lambda row, watch, show: seen.append(torch.get_num_threads()) or blank(row), Watch(), threads=2)
        newcomer = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        newcomer.start()
        newcomer.join()
        assert (seen, torch.get_num_threads(), later) == ([1] * 4, 3, [3])
    finally:
        torch.set_num_threads(before)


def test_a_thread_that_began_while_others_drew_hands_its_one_thread_on_to_nobody():
    """Two visitors drew at the same moment, and from then on every model of the server had one thread."""
    before, later = torch.get_num_threads(), []

    def draws(row, watch, show):
        return blank(row)

    def visitor():
        torch.get_num_threads()  # else it asks later
        torch.set_num_threads(1)
        begun.set()
        assert usual_again.wait(10)
        drawn(2, draws, Watch(), threads=2)

    begun, usual_again = threading.Event(), threading.Event()
    beside = threading.Thread(target=visitor)
    beside.start()
    try:
        assert begun.wait(10)
        torch.set_num_threads(3)
        usual_again.set()
        beside.join()
        newcomer = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        newcomer.start()
        newcomer.join()
        assert later == [3]
    finally:
        torch.set_num_threads(before)


def test_the_share_told_is_of_all_and_what_there_is_of_each_is_shown_in_order():
    told, shown = [], []

    def draw(row, watch, show):
        show(blank(10 + row))
        watch.tell(1.0, "drawn")
        return blank(row)

    drawn(2, draw, Watch(lambda share, word: told.append(share)), shown.append, threads=1)
    assert told == [0.5, 1.0]
    assert [[int(each[0, 0, 0]) for each in pictures] for pictures in shown] == [[10], [0, 11]]


@pytest.mark.parametrize("error", [Cancelled("enough"), ValueError("broken")])
def test_what_ends_one_ends_all(error):
    begun, other_waits = [], threading.Event()

    def draw(row, watch, show):
        begun.append(row)
        if row == 0:
            assert other_waits.wait(10)
            raise error
        other_waits.set()
        while True:
            CURRENT.get().check()

    with pytest.raises(type(error), match=str(error)):
        drawn(9, draw, Watch(), threads=2)
    assert set(begun) <= {0, 1, 2}
