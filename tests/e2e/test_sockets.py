# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Unix and TCP sockets on this machine: captured where it has an entry hook, else said clearly not to be.

tests/vm runs the same checks on kernels that have them.
"""
import json
import re
import sysconfig

import pytest

import hooks
import sockets
from daemon import ENTRY_HOOKS, send

KEYS = ("capture.statsd.unix", "capture.statsd.tcp")


@pytest.fixture(scope="module")
def entry_hook(usable_hooks):
    """One of the machine's, or None."""
    return next((name for name in usable_hooks if name in ENTRY_HOOKS), None)


def check_rows(*arguments):
    """{"TCP": ("usable" or "not usable", "configured" or "not configured", reason)}"""
    done = hooks.check_output(*arguments)
    rows = re.findall(r"^  (unix datagrams|TCP) +(usable|not usable), (configured|not configured): (.+)$", done.stdout, re.M)
    return {name: rest for name, *rest in rows}, done


def test_check_says_what_is_usable(entry_hook):
    rows, done = check_rows()
    assert set(rows) == {"unix datagrams", "TCP"}, done.stdout
    for state, configured, reason in rows.values():
        assert configured == "not configured"
        assert state == ("usable" if entry_hook else "not usable")
        assert all(name in reason for name in ([entry_hook] if entry_hook else ENTRY_HOOKS)), reason
    assert done.stderr == "" and done.returncode == 0


def test_check_warns_of_what_has_no_effect(entry_hook):
    rows, done = check_rows(*(word for setting in sockets.socket_settings() for word in ("-s", setting)))
    assert [configured for _, configured, _ in rows.values()] == ["configured"] * 2
    assert [key for key in KEYS if f"{key} has no effect" in done.stderr] == ([] if entry_hook else list(KEYS))
    assert done.returncode == 0


def run_without(one):
    """What cannot be captured is said once, with the reason, and the rest is captured."""
    for key in KEYS:
        assert len(re.findall(f"warning: {key} has no effect.*fentry: .*kprobe: ", one.log())) == 1
    status = json.loads(one.ask("status", "--json").stdout)
    assert [(row["configured"], row["captured"], row["hook"]) for row in status["sockets"]] == [(True, False, "")] * 2
    assert all("kprobe: " in row["reason"] for row in status["sockets"])
    assert "TCP not captured: " in one.ask("status").stdout
    send("sendto", "beside:1|c", port=one.port)
    with sockets.receiver(sockets.PATH):
        send("sendto", "unix:1|c", "-u", sockets.PATH, port=one.port)
    assert one.flush().names() == {"beside"}


def test_run(start, hook, entry_hook, monkeypatch):
    one = start(*sockets.socket_settings(), hook=entry_hook or hook)
    if not entry_hook:
        run_without(one)
        return
    monkeypatch.setenv("KSTATSD_CLIENTS", sysconfig.get_paths()["purelib"])
    for check in sockets.CHECKS:
        check(one)
