"""A server that is asked to end waits for running work, not longer than it may."""

import time

from workbench.ui.common.draining import Draining


def test_a_server_that_is_emptied_waits_for_work_but_not_for_ever():
    left = [True, True, False]
    seen = []
    draining = Draining(lambda: seen.append(draining.begun) or left.pop(0), 5.0)
    draining()
    assert (seen, left) == ([True, True, True], [])
    began = time.monotonic()
    Draining(lambda: True, 0.2)()
    assert 0.2 <= time.monotonic() - began < 2
