# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The sum invariant on this machine: four threads flat out, a flush every 50 ms, nothing lost or counted twice."""
import pytest

from sums import FLUSHES, check_sum


@pytest.mark.parametrize("flags", [(), ("-T",), ("-6",)], ids=["counters", "mixed", "v6"])
def test_sum(flags, start):
    sent = check_sum(start, *flags)
    assert sent["flushes"] >= FLUSHES
    assert sent["calls"] > 100000, "that was not flat out"


def test_sum_exact_timers(start):
    check_sum(lambda *settings, **options: start("timers.mode=exact", *settings, **options), "-T")
