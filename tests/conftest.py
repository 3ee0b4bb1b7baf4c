# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""What the tests share: the built daemon, the hook this machine allows, daemons that end with their test.

Tests need root and a build. What is missing is an error with the remedy, not a skip.
"""
import os
import sys

import pytest

sys.path[:0] = [os.path.join(os.path.dirname(__file__), folder) for folder in ("e2e", "vm", "oracle")]

import daemon as daemons  # noqa: E402  the path must be set first
import hooks  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def built():
    if os.geteuid() != 0:
        pytest.exit("the end-to-end tests load BPF programs: run them as root (sudo make test)", 2)
    for path in (daemons.KSTATSD, daemons.SENDER):
        if not os.path.exists(path):
            pytest.exit(f"{path} is missing: build it first (make)", 2)


@pytest.fixture(scope="session")
def usable_hooks(built):
    """The hooks that `kstatsd check` finds usable here, the chosen one first."""
    found = hooks.usable_hooks()
    assert found, "kstatsd check finds no usable hook on this machine"
    return found


@pytest.fixture(scope="session")
def hook(usable_hooks):
    return usable_hooks[0]


@pytest.fixture
def start(tmp_path, hook):
    """start(*settings, **options) gives a running Daemon; all are stopped, and must balance, after the test."""
    started = []

    def start_one(*settings, **options):
        options.setdefault("hook", hook)
        one = daemons.Daemon(tmp_path / f"kstatsd{len(started)}", *settings, **options)
        started.append(one)
        return one.start()

    yield start_one
    try:
        for one in started:
            one.stop()
    finally:
        for one in started:
            one.kill()
