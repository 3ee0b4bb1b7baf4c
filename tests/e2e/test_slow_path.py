# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""What goes through the ring: in order, and never the only thing that the daemon does."""
import os
import socket
import threading
import time

from daemon import send, wait_for


def test_a_gauge_of_two_spellings_keeps_its_order(start):
    """Two cells in the kernel, one series here: from the second window on the writes of both are in order."""
    one = start()
    lines = ["depth:5|g|#a:1,b:2", "depth:7|g|#b:2,a:1", "depth:9|g|#a:1,b:2"]
    for _ in range(2):
        for line in lines:
            send("sendto", line, port=one.port)
        window = one.flush()
    assert window.last("depth;a=1;b=2")["value"] == 9
    for line in lines[:2]:
        send("sendto", line, port=one.port)
    assert one.flush().last("depth;a=1;b=2")["value"] == 7


def test_slow_datagrams_do_not_stop_the_flush(start):
    """Senders that fill the ring as fast as it is emptied: windows are closed all the same."""
    one = start()
    payload = b"a:1e-9|c\n" * 6000
    ended = threading.Event()

    def flood():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not ended.is_set():
                sender.sendto(payload, ("127.0.0.1", one.port))

    senders = [threading.Thread(target=flood) for _ in range(os.cpu_count() or 1)]
    for sender in senders:
        sender.start()
    try:
        began = time.monotonic()
        windows = [one.flush() for _ in range(3)]
        elapsed = time.monotonic() - began
    finally:
        ended.set()
        for sender in senders:
            sender.join()
    assert all(window.count("slow.lines") for window in windows[1:])
    assert elapsed < 30, f"three flushes took {elapsed:.1f} s"
    wait_for(lambda: one.flush().count("slow.lines") == 0, "the ring to be empty")
