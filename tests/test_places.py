"""No more work at once than there are places, and none that never comes back."""

import threading
import time

import pytest

from workbench.errors import Busy
from workbench.places import Places


def test_places_and_memory_are_both_waited_for() -> None:
    places = Places(2, 100)
    first, second = places.take(60), places.take(40)

    assert places.try_to_take() is None
    first.leave()
    assert places.try_to_take(70) is None
    second.leave()
    assert places.try_to_take(70) is not None


def test_a_single_work_larger_than_the_memory_is_let_in_alone() -> None:
    places = Places(2, 100)

    large = places.take(5000)
    assert places.try_to_take(1) is None
    large.leave()
    assert places.try_to_take(100) is not None


def test_who_waits_too_long_reads_that_the_server_is_busy() -> None:
    places = Places(1, 100)
    places.take()

    with places.in_line(), pytest.raises(Busy, match="busy with other people's photos: about 2 are waiting"):
        places.take(patience=0.2)
    with pytest.raises(Busy, match="about 1 is waiting"):  # nobody who left is counted
        places.take(patience=0.0)


def test_a_shared_place_is_given_back_by_the_last() -> None:
    places = Places(1, 100)
    place = places.take()
    place.share()

    place.leave()
    assert places.free() == 0
    place.leave()
    assert places.free() == 1


def test_opening_a_photo_without_a_model_takes_memory_and_no_place() -> None:
    places = Places(1, 100)
    places.take(50)

    assert places.try_to_take(50, works=False) is not None
    assert places.try_to_take(1, works=False) is None


def test_many_threads_never_hold_more_than_there_are() -> None:
    places, now, most = Places(2, 100), [0], [0]
    guard = threading.Lock()

    def work() -> None:
        place = places.take(30)
        with guard:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with guard:
            now[0] -= 1
        place.leave()

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most[0] == 2
    assert places.free() == 2
