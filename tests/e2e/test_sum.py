# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The sum invariant on this machine: four threads flat out, a flush every 50 ms, nothing lost or counted twice."""
import pytest

from sums import run_sum

SETTINGS = {"counters": (), "mixed": ("-T",), "v6": ("-6",)}


@pytest.mark.parametrize("flags", SETTINGS.values(), ids=SETTINGS.keys())
def test_sum(flags, start):
    sent = run_sum(start("flush.align=false", interval="50ms"), *flags)
    assert sent["calls"] > 100000, "that was not flat out"


def test_sum_aligned(start):
    run_sum(start(interval="50ms"), "-T")


def test_sum_exact_timers(start):
    run_sum(start("timers.mode=exact", "flush.align=false", interval="50ms"), "-T")


def test_sum_on_full_maps(start):
    """The kernel holds one series of each type and little else: most goes through the ring, and nothing is lost."""
    run_sum(start("limits.counters=1", "limits.timers=1", "limits.buckets=16", "limits.members=16",
                  "flush.align=false", interval="50ms"), "-T")
