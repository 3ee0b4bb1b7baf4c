# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""absorb.py on this machine."""
import pytest

from absorb import ABSORB, CHECKS
from daemon import Daemon


@pytest.mark.parametrize("check", CHECKS, ids=[check.__name__ for check in CHECKS])
def test_absorb(check, start):
    check(lambda *settings, **options: start(*settings, **{**options, "hook": "cgroup"}))


def test_absorb_needs_the_cgroup_hook(tmp_path):
    """absorb with an entry hook cannot be: one clear message, exit code 2."""
    one = Daemon(tmp_path, ABSORB, hook="fentry")
    one.launch()
    assert one.process.wait(20) == 2
    assert "absorb" in one.log() and "cgroup" in one.log()
