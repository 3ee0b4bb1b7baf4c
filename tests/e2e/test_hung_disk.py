# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""A disk that hangs (a server of NFS that is away) keeps what is written to it, and nobody and nothing else."""
import json
import signal
import socket
import time

import pytest

from carbon import FakeCarbon
from daemon import Daemon, free_port, send, wait_for
from faults import HungDisk, is_on_disk

SECONDS = 1.0


@pytest.fixture
def one(tmp_path, hook):
    """A daemon that never has started; not a balancing one: some of these are left behind with what they had."""
    daemon = Daemon(tmp_path / "kstatsd", "shutdown_timeout=1s", hook=hook,
                    config=tmp_path / "config.yaml")
    yield daemon
    daemon.kill()


def configure(one, path, port=None):
    port = port or free_port(socket.SOCK_STREAM)
    graphite = f'{{address: "127.0.0.1:{port}", queue: {{memory: 64KiB}}, retry: {{max: 100ms}}}}'
    outputs = {"graphite": f"[{graphite}]"}
    if path:
        outputs["file"] = f"[{{path: {path}}}]"
    with open(one.config, "w", encoding="utf-8") as config:
        config.write("outputs:\n" + "".join(f"  {kind}: {what}\n" for kind, what in outputs.items()))


def rows(one):
    return json.loads(one.ask("status", "--json").stdout)["sinks"]


def sink(one, kind):
    return next(row for row in rows(one) if row["kind"] == kind)


def leave(one, *times):
    """Tells it to end, once or more; returns the seconds it took."""
    began = time.monotonic()
    for wait in times:
        time.sleep(wait)
        one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(timeout=20) == 0, one.log()
    one.process = None
    return time.monotonic() - began


def test_a_file(one, tmp_path):
    """Batches of others go to disk; a reload takes the file away, and nobody waits; the end comes in time."""
    disk = HungDisk(tmp_path, "slow.jsonl")
    one.prefix = disk.prefix
    configure(one, tmp_path / "slow.jsonl")
    disk.hang()
    one.start()
    for index in range(3):
        send("sendto", f"hung{index}:1|c", port=one.port)
        one.flush()
    wait_for(lambda: is_on_disk(sink(one, "graphite")), lambda: f"the spool: {sink(one, 'graphite')}")
    assert sink(one, "file")["batches_queued"] == 3
    configure(one, None)
    reloaded = one.ask("reload")
    assert reloaded.returncode == 0, reloaded.stderr
    time.sleep(SECONDS)  # shutdown_timeout: how long what was taken away may take for what it has
    began = time.monotonic()
    one.flush()
    window = one.flush()
    assert time.monotonic() - began < SECONDS, "the loop waited for the file"
    assert [row["kind"] for row in rows(one)].count("file") == 0
    assert window.count("sinks.file.batches_dropped") == 3, window.ledger
    assert one.log().count("slow.jsonl, which is no output any more") == 1, one.log()
    assert leave(one, 0) < SECONDS


@pytest.mark.parametrize("times", [(0,), (0, .2)], ids=["told once", "told twice"])
@pytest.mark.parametrize("what", ["slow.jsonl", "spool.db"])
def test_leaves_in_time(what, times, one, tmp_path):
    disk = HungDisk(tmp_path, what)
    one.prefix = disk.prefix
    configure(one, tmp_path / "slow.jsonl")
    one.start()
    disk.hang()
    send("sendto", "hung:1|c", port=one.port)
    one.flush()
    took = leave(one, *times)
    assert took < (SECONDS if len(times) == 2 else 3 * SECONDS), one.log()
    assert "undelivered" in one.log(), one.log()
    assert ("not written to the spool" in one.log()) == (what == "spool.db"), one.log()


def test_prometheus(one, tmp_path):
    """A reload takes it away while its totals are being written: they are given up soon, with a message."""
    disk = HungDisk(tmp_path, "prometheus.db")
    one.prefix = disk.prefix
    one.config.write_text(f"outputs: {{prometheus: {{listen: '127.0.0.1:{free_port(socket.SOCK_STREAM)}'}}}}\n")
    one.start()
    disk.hang()
    send("sendto", "hung:1|c", port=one.port)
    one.flush()
    one.config.write_text("")
    assert one.ask("reload").returncode == 0
    wait_for(lambda: one.flush() and "1 flushes were not added to Prometheus" in one.log(), one.log)
    assert leave(one, 0) < SECONDS


def test_told_twice_while_what_has_left_is_deleted(one, tmp_path):
    """There is nothing to wait for but the disk, and it hangs: the second signal is heard all the same."""
    disk = HungDisk(tmp_path, "spool.db")
    one.prefix = disk.prefix
    one.settings.append("shutdown_timeout=60s")
    port = free_port(socket.SOCK_STREAM)
    configure(one, None, port)
    one.start()
    send("sendto", "hung:1|c", port=one.port)
    one.flush()
    wait_for(lambda: sink(one, "graphite")["bytes_spooled"], "the spool")
    disk.hang()
    carbon = FakeCarbon(port)
    try:
        wait_for(lambda: not sink(one, "graphite")["batches_queued"], "an empty queue")
        assert leave(one, 0, .2) < SECONDS, one.log()
    finally:
        carbon.stop()
