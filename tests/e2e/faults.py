# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""What a daemon that delivers must endure: receivers that misbehave, a clock that steps, a full disk, a deaf resolver.

No receiver here loses what its TCP has acknowledged: lines() has every whole line of it, also of connections that broke.
"""
import contextlib
import json
import os
import socket
import struct
import subprocess
import threading
import time

from daemon import expect, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
NS_PER_SECOND = 1_000_000_000
FOREVER = 1 << 30
RESET = b"reset"  # of an HTTP receiver, instead of an answer


class Receiver:
    """
    Takes lines by TCP. `reset_after`: the bytes after which each of the next `resets` connections is broken off by a
    reset, in the middle of whatever was on its way; if it `dies` of that, nobody listens any more. `greeting`: what it
    says to everybody who connects, as a carbon never does. While `deaf` it accepts and reads nothing. `buffer` bounds
    what its kernel takes for it; with a `pace` it sleeps so many seconds after each of its reads.
    """

    def __init__(self, port=0, reset_after=0, resets=0, dies=False, greeting=b"", deaf=False, buffer=0, pace=0):
        self.listener = socket.create_server(("127.0.0.1", port))
        if buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.port = self.listener.getsockname()[1]
        self.reset_after, self.resets, self.dies, self.greeting = reset_after, resets, dies, greeting
        self.pace = pace
        self.hears = threading.Event()
        self.whole, self.connections, self.clients = [], 0, []
        if not deaf:
            self.hears.set()
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.connections += 1
                self.clients.append(client)
                threading.Thread(target=self.read, args=(client,), daemon=True).start()

    def read(self, client):
        rest = FOREVER
        if self.resets > 0:
            self.resets -= 1
            rest = self.reset_after
        pending = b""
        with contextlib.suppress(OSError):
            client.sendall(self.greeting)
            while rest > 0:
                self.hears.wait()
                data = client.recv(min(rest, 65536))
                if not data:
                    return
                rest -= len(data)
                time.sleep(self.pace)
                *whole, pending = (pending + data).split(b"\n")
                self.whole += whole
            if self.dies:
                self.close()
            self.whole += (pending + acknowledged(client)).split(b"\n")[:-1]
            reset(client)

    def lines(self):
        return [line.decode() for line in list(self.whole)]

    def names(self):
        """First words of the lines."""
        return [line.partition(" ")[0] for line in self.lines()]

    def wait_names(self, *names):
        wait_for(lambda: set(names) <= set(self.names()),
                 lambda: f"{sorted(set(names) - set(self.names()))[:5]}; {len(self.whole)} lines arrived, "
                         f"{self.connections} connections")

    def close(self):
        """Nobody listens any more."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self.listener.close()

    @property
    def is_dead(self):
        return self.listener.fileno() < 0 and not any(client.fileno() >= 0 for client in self.clients)

    def stop(self):
        """Nobody listens any more, and who is connected gets a reset."""
        self.close()
        self.hears.set()
        for client in self.clients:
            with contextlib.suppress(OSError):
                reset(client)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def acknowledged(client):
    """
    What the kernel took of a connection that nobody reads any more, once it takes no more: there is no room, or nothing
    comes. Reading it would make room, so it is only looked at.
    """
    had, data = None, b""
    while had != data:
        time.sleep(0.05)
        had = data
        with contextlib.suppress(BlockingIOError):
            data = client.recv(1 << 22, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return data


def reset(client):
    """RST instead of FIN."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_RD)  # wakes a thread in recv(), sends nothing
    client.close()


def build_shim(source, library):
    compiler = os.environ.get("CC") or "gcc"
    done = subprocess.run([compiler, "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", "-o", library,
                           os.path.join(HERE, source)], stderr=subprocess.PIPE, text=True, check=False)
    expect(done.returncode == 0, f"cannot build {source}: {done.stderr}")


class HungDisk:
    """A disk of files whose path contains `name`, as a daemon sees it with `prefix` before its command; hang() stops it."""

    def __init__(self, folder, name):
        self.library, self.name = os.path.join(str(folder), "disk.so"), name
        self.file = os.path.join(str(folder), "hangs")
        build_shim("disk_shim.c", self.library)

    @property
    def prefix(self):
        return ["env", f"LD_PRELOAD={self.library}", f"KSTATSD_DISK={self.name}", f"KSTATSD_DISK_HANGS={self.file}"]

    def hang(self):
        with open(self.file, "wb"):
            pass


class Clock:
    """A daemon's wall clock: its `prefix` goes before the command, step() sets it."""

    def __init__(self, folder):
        self.library = os.path.join(str(folder), "clock.so")
        self.file = os.path.join(str(folder), "clock")
        build_shim("clock_shim.c", self.library)
        self.offset = 0
        with open(self.file, "wb") as file:
            file.write(bytes(8))

    @property
    def prefix(self):
        return ["env", f"LD_PRELOAD={self.library}", f"KSTATSD_CLOCK={self.file}"]

    def step(self, seconds):
        self.offset += int(seconds * NS_PER_SECOND)
        with open(self.file, "r+b", buffering=0) as file:
            file.write(struct.pack("=q", self.offset))  # one write: nobody sees half of it


@contextlib.contextmanager
def small_disk(folder, size):
    """A file system of so many bytes at `folder`, in memory."""
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "kstatsd-tests", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextlib.contextmanager
def deaf_resolver(folder, options="timeout:10 attempts:3"):
    """
    The words before a command by which its names are asked of a server that never answers, and that server's socket.
    It is bound and nobody reads it: no answer, and no refusal either. The command's mounts are its own.
    """
    pid = os.getpid()
    address = f"127.77.{pid // 256 % 256}.{pid % 256}"
    path = os.path.join(str(folder), "resolv.conf")
    switch = os.path.join(str(folder), "nsswitch.conf")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        with open(path, "w", encoding="ascii") as file:
            file.write(f"nameserver {address}\noptions {options}\n")
        with open(switch, "w", encoding="ascii") as file:
            file.write("hosts: files dns\n")
        script = 'mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/nsswitch.conf && shift 2 && exec "$@"'
        yield ["unshare", "-m", "sh", "-c", script, "sh", path, switch], server


def sinks(daemon, kind="graphite"):
    """The rows of `kstatsd status` for sinks of one kind, in the order of the configuration."""
    return [row for row in json.loads(daemon.ask("status", "--json").stdout)["sinks"] if row["kind"] == kind]


def is_on_disk(row):
    """All that waits for this sink would outlive the daemon."""
    return row["bytes_spooled"] >= row["bytes_queued"] and not row["metrics_waiting"]
