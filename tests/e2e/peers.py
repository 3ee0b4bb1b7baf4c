# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""What the sends of sockets.py go to: Unix datagram sockets that are read, TCP servers. Standard library only."""
import contextlib
import os
import socket
import threading


@contextlib.contextmanager
def receiver(name):
    """A bound Unix datagram socket that is read all the time, and what it got."""
    address = name.replace("@", "\0", 1)
    got = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(address)
        ended = threading.Event()

        def read():
            while not ended.is_set():
                with contextlib.suppress(socket.timeout):
                    got.append(bound.recv(70000))

        bound.settimeout(0.05)
        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield got
        finally:
            ended.set()
            reader.join()
            if name[0] != "@":
                os.unlink(name)


class Server:
    """Accepts TCP connections on the daemon's port and reads all that comes; `slow` waits to be told."""

    def __init__(self, port, family=socket.AF_INET, slow=False):
        self.family, self.received, self.go = family, 0, threading.Event()
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if slow:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        else:
            self.go.set()
        self.socket.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
        self.socket.listen(64)
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.threads.append(threading.Thread(target=self.read, args=(connection,)))
                self.threads[-1].start()

    def read(self, connection):
        self.go.wait()
        with connection:
            while data := connection.recv(1 << 16):
                self.received += len(data)

    def connect(self, **options):
        one = socket.socket(self.family, socket.SOCK_STREAM)
        for name, value in options.items():
            one.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        one.connect(self.socket.getsockname()[:2])
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return one

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.go.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for thread in self.threads:
            thread.join()
