# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The management console: statsd's answers beside a real statsd, its lines, its bounds, and that looking changes nothing."""
import json
import random
import re
import socket
import time

import pytest

from daemon import PATIENCE, Daemon, flood, flood_result, free_port, send, wait_for
from statsd_server import Statsd
from sums import check_mixed, check_totals

# Names in the order in which they are sorted, so that statsd, which shows the oldest first, shows the same.
LINES = (["a.b:3|c", "a.c:1|c", "hits:1|c|@0.1", "tag:1|c|#env:prod", "x y/z:2|c", "bad line",
          "g1:4|g", "g1:+2.5|g", "neg:-3|g", "t.few:1.5|ms", "t.few:2|ms"]
         + [f"t.many:{i * 7 % 50}|ms" for i in range(140)] + ["t.one:5|ms", "u:1|s", "w:1|c:2|c|@0.5:x|c"])
PLENTY = [f"plenty.{i:03}:{i}|c" for i in range(60)]


class Talk:
    """A client of a console."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)

    def say(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def hear(self, end):
        """All up to `end`, which is the last that comes."""
        data = b""
        while not data.endswith(end):
            piece = self.socket.recv(65536)
            assert piece, f"the console closed after {data!r}"
            data += piece
        return data.decode()

    def hear_all(self):
        data = b""
        while piece := self.socket.recv(65536):
            data += piece
        return data.decode()

    def ask(self, command, end=b"END\n\n"):
        self.say(command + "\n")
        return self.hear(end)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


@pytest.fixture
def console(start):
    """console(*settings) gives a daemon with a console, and its port."""
    def start_one(*settings, **options):
        port = free_port(socket.SOCK_STREAM)
        return start(f"console.listen=127.0.0.1:{port}", "shutdown_timeout=100ms", *settings, **options), port

    return start_one


def received(talk):
    return re.search(r"'statsd.metrics_received': (\d+)", talk.ask("counters")).group(1)


COMMANDS = ["counters", "gauges", "timers", "delcounters a.b nope a.*", "delgauges neg", "deltimers t.*  ", "delcounters",
            "delgauges  g1", "counters", "gauges", "timers", "delcounters plenty.* hits", "counters"]


def test_same_answers_as_statsd(tmp_path, console):
    lines = sorted(LINES + PLENTY, key=lambda line: line.partition(":")[0])
    options = {"flushInterval": 600000, "deleteIdleStats": True}
    with Statsd(tmp_path / "statsd", free_port(), options, own_clock=True) as statsd:
        _, port = console("internal_metrics=[statsd]", "timers.mode=exact", ports=[statsd.port])
        with Talk(statsd.console) as theirs, Talk(port) as ours, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for line in lines:
                sender.sendto(line.encode(), ("127.0.0.1", statsd.port))
            wait_for(lambda: received(theirs) == str(len(lines)), "statsd to receive all")
            for command in COMMANDS:
                assert ours.ask(command) == theirs.ask(command), command
            for command in ["health", "health down", "health", "health Up", "health sideways"]:
                assert ours.ask(command, b"\n") == theirs.ask(command, b"\n"), command
            for command in ["frobnicate", "", "  ", "STATS", "stats!"]:
                assert ours.ask(command, b"\n") == theirs.ask(command, b"\n") == "ERROR\n", command
            keys = [re.findall(r"^((?:uptime|messages|graphite)[\w.]*): \d+$", talk.ask("stats"), re.M)
                    for talk in (theirs, ours)]
            assert "messages.bad_lines_seen: 2\n" in theirs.ask("stats")
            assert keys[0] == keys[1]
            assert "messages.bad_lines_seen: 2\n" in ours.ask("stats")
            theirs.say("quit\n")
            ours.say("quit\n")
            assert theirs.hear_all() == ours.hear_all() == ""


def test_stats_of_outputs(console):
    carbon = socket.create_server(("127.0.0.1", 0))
    one, port = console('outputs.graphite=[{address: "127.0.0.1:%d"}]' % carbon.getsockname()[1])
    with carbon, Talk(port) as talk:
        before = talk.ask("stats")
        for name in ("last_flush", "last_exception", "flush_time", "flush_length"):
            assert re.search(rf"^graphite\.{name}: [\d.]+$", before, re.M), before
        assert "graphite.flush_length: 0\n" in before
        send("sendto", "a:1|c", port=one.port)
        one.flush()
        wait_for(lambda: "graphite.flush_length: 0\n" not in talk.ask("stats"), "a delivery")


def test_stats_of_two_graphites(console):
    """statsd's lines once: of the one that delivers and of the one that does not, the worst."""
    with socket.create_server(("127.0.0.1", 0)) as carbon:
        absent = free_port(socket.SOCK_STREAM)
        one, port = console('outputs.graphite=[{address: "127.0.0.1:%d"}, {address: "127.0.0.1:%d"}]'
                            % (carbon.getsockname()[1], absent))
        send("sendto", "a:1|c", port=one.port)
        one.flush()
        with Talk(port) as talk:
            stats = wait_for(lambda: (lambda text: text if "graphite.flush_length: 0\n" not in text else None)(talk.ask("stats")),
                             "a delivery")
            assert [len(re.findall(rf"^graphite\.{name}: ", stats, re.M))
                    for name in ("last_flush", "last_exception", "flush_time", "flush_length")] == [1, 1, 1, 1], stats
            wait_for(lambda: int(re.search(r"^graphite\.last_exception: (\d+)$", talk.ask("stats"), re.M).group(1)) < 1000,
                     "the failure of the other")


def test_stats_and_lines_seen(console):
    one, port = console()
    with Talk(port) as talk:
        send("sendto", "a:1|c\nbad\nworse", port=one.port)
        one.flush()
        send("sendto", "bad", port=one.port)
        stats = talk.ask("stats")
        assert "messages.bad_lines_seen: 3\n" in stats and "messages.last_msg_seen: 0\n" in stats
        config = talk.ask("config", b"prefixStats: statsd\n")
        assert "\ndeleteCounters: true\n" in config
        assert config.startswith("\n") and "\nflushInterval: 600000\n" in config and f"\nport: {one.port}\n" in config


def test_sets_and_histograms(console):
    one, port = console()
    with Talk(port) as talk:
        assert talk.ask("sets") == "{}\nEND\n\n"
        send("sendto", "s:a|s\ns:b|s\ns:a|s\nt:1|ms\nt:3|ms|@0.5", port=one.port)
        assert talk.ask("sets") == "{ s: 2 }\nEND\n\n"
        shown = talk.ask("timers")
        assert re.match(r"\{\n?\s+t: \{", shown), shown
        numbers = dict(re.findall(r"(\w+): ([\d.]+)", shown))
        assert {key: float(numbers[key]) for key in ("samples", "count", "lower", "upper", "sum", "mean", "std")} == \
            {"samples": 2, "count": 3, "lower": 1, "upper": 3, "sum": 4, "mean": 2, "std": 1}
        assert talk.ask("delsets s x") == "deleted: s\nmetric x not found\nEND\n\n"
        assert talk.ask("sets") == "{}\nEND\n\n"
        window = one.flush()
        assert "s" not in window.names() and window.last("t")["samples"] == 2


def test_looking_does_not_hide_a_full_map(console):
    """What the flush would warn of it does, also when somebody looked in between."""
    one, port = console("limits.members=20")
    for index in range(100):
        send("sendto", f"u:{index}|s", port=one.port)
    with Talk(port) as talk:
        talk.ask("stats")
    assert one.flush().last("u")["estimated"]
    assert one.log().count("sets are estimated before limits.set_exact is reached") == 1
    send("sendto", "u:1|s", port=one.port)
    one.flush()
    assert one.log().count("sets are estimated before limits.set_exact is reached") == 1


def test_deleted_is_not_flushed(console):
    one, port = console()
    with Talk(port) as talk:
        send("sendto", "a.x:1|c\na.y:1|c\nb:1|c\ng:9|g", port=one.port)
        assert talk.ask("delcounters a.*") == "deleted: a.x\ndeleted: a.y\nEND\n\n"
        assert talk.ask("delgauges g") == "deleted: g\nEND\n\n"
        send("sendto", "a.x:5|c\ng:+2|g", port=one.port)
        window = one.flush()
        assert window.names() == {"a.x", "b", "g"} and window.counter("a.x") == 5 and window.last("g")["value"] == 2


def test_sums_beyond_all_numbers(console):
    """Anybody can send them; whoever looks gets an answer, and the daemon lives."""
    one, port = console("timers.mode=exact")
    with Talk(port) as talk:
        send("sendto", "x:1e308|c\nx:1e308|c\ng:1e308|g\ng:+1e308|g\nn:-1e308|g\nn:-1e308|g\nt:1e308|ms\nt:1e308|ms",
             port=one.port)
        assert talk.ask("counters") == "{ x: Infinity }\nEND\n\n"
        assert talk.ask("gauges") == "{ g: Infinity, n: -Infinity }\nEND\n\n"
        assert talk.ask("timers") == "{ t: [ 1e+308, 1e+308 ] }\nEND\n\n"
        report = one.ask("top", "--json")
        rows = {row["name"]: row for row in json.loads(report.stdout)["series"]}
        assert report.returncode == 0 and rows["x"]["count"] is None and rows["g"]["value"] is None
        assert " inf " in one.ask("top", "--once").stdout
        assert talk.ask("delcounters x") == "deleted: x\nEND\n\n"
        assert one.flush().last("g")["value"] is None
        assert one.ask("status").returncode == 0


def test_lines(console):
    _, port = console()
    with Talk(port) as talk:
        talk.say("health\nhealth down\nhealth up\nquit\nhealth\n")
        assert talk.hear_all() == "health: up\nhealth: down\nhealth: up\n"
    with Talk(port) as talk:
        for piece in ("hea", "lth d", "own\r", "\nhealth up\r\nfoo\r\n"):
            talk.say(piece)
            time.sleep(0.05)  # so that each is a packet of its own
        assert talk.hear(b"ERROR\n") == "health: down\nhealth: up\nERROR\n"
    with Talk(port) as talk:  # the end of the input ends the last line
        talk.say("health down")
        talk.socket.shutdown(socket.SHUT_WR)
        assert talk.hear_all() == "health: down\n"
    with Talk(port) as talk:  # statsd answers a packet, with or without a newline
        talk.say("health")
        assert talk.hear(b"\n") == "health: down\n"
        talk.say("stats\nquit")
        assert talk.hear_all().endswith("END\n\n")


def test_bounds(console):
    one, port = console()
    with Talk(port) as talk:
        talk.say(b"x" * 100000 + b"\nhealth\n")
        assert talk.hear(b"health: up\n") == "ERROR\nhealth: up\n"
        talk.say(b"\0\xff\xfe\n" + b"help " * 900 + b"\nquit\n")
        assert "ERROR\n" in talk.hear_all()
    crowd = [Talk(port) for _ in range(16)]
    for talk in crowd:
        assert talk.ask("health", b"\n") == "health: up\n"
    with Talk(port) as surplus:
        assert surplus.socket.recv(1) == b"", "the seventeenth is sent away"
    for talk in crowd:
        talk.socket.close()

    def is_let_in():
        with Talk(port) as talk:
            talk.say("health\nquit\n")
            try:
                return talk.hear_all() == "health: up\n"
            except ConnectionResetError:
                return False

    wait_for(is_let_in, "room for a client")
    assert one.log().count("refused a client") >= 1


def test_a_client_that_does_not_read_delays_no_flush(console):
    one, port = console()
    send("sendto", "\n".join(f"name.{i}:1|c" for i in range(500)), port=one.port)
    with Talk(port) as talk:
        talk.socket.setblocking(False)
        sent = 0
        try:
            while sent < 1 << 20:
                sent += talk.socket.send(b"counters\n" * 1000)
        except BlockingIOError:
            pass
        for i in range(3):
            send("sendto", f"later.{i}:1|c", port=one.port)
            assert one.flush().counter(f"later.{i}") == 1


def test_warns_when_others_can_connect(start):
    one = start(f"console.listen=0.0.0.0:{free_port(socket.SOCK_STREAM)}")
    assert "knows no passwords" in one.log()
    two = start(f"console.listen=localhost:{free_port(socket.SOCK_STREAM)}")
    assert "passwords" not in two.log()


def test_a_port_that_is_taken(tmp_path, hook):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        one = Daemon(tmp_path, f"console.listen=127.0.0.1:{taken.getsockname()[1]}", hook=hook)
        one.launch()
        assert one.process.wait(PATIENCE) == 1
    assert "console" in one.log() and "in use" in one.log()


@pytest.mark.parametrize("mode", ["histogram", "exact"])
def test_looking_loses_and_doubles_nothing(mode, console):
    """Reads and flushes at random while four threads send flat out: over all flushes exactly what was sent."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    one, port = console(f"timers.mode={mode}")
    sending = flood("sum", "-T", "-k", 4, "-t", 4000, port=one.port)
    windows, looks = [], 0
    with Talk(port) as talk:
        while sending.poll() is None:
            command = generator.choice(["counters", "timers", "gauges", "sets", "stats", "delcounters nobody", "flush"])
            if command == "flush":
                windows.append(one.flush())
            else:
                talk.ask(command)
                looks += 1
            time.sleep(generator.random() * 0.02)
    sent = flood_result(sending)
    windows.append(one.flush())
    print(f"{sent}, {looks} looks, {len(windows)} flushes")
    assert looks > 20 and len(windows) > 3
    check_totals(sent, windows, may_skip=False)
    check_mixed(sent, windows)
