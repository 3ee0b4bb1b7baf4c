# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The named cases of capture: how a datagram is sent, and what must come of it on each hook.

Run on the host by test_capture.py, in guests by tests/vm/guest.py. Standard library only.
"""
import collections

from daemon import ENTRY_HOOKS, Failure, assert_ledger_balances, expect, send

# values: counter per seen send, or a dict of fields that the flushed metric must have.
# ledger: further counters per seen send; datagrams.seen is checked always, see `datagrams`.
# sends: how many sends the hook sees, if it is not the number of calls (or of successful ones, for cgroup).
Outcome = collections.namedtuple("Outcome", "values ledger datagrams sends")
# An entry hook and cgroup may differ: there is one Outcome for each.
Case = collections.namedtuple("Case", "name how options payload entry cgroup")
CASES = []


def outcome(values, ledger=None, datagrams=1, sends=None):
    return Outcome(values, ledger or {}, datagrams, sends)


def case(name, how, options, payload, values, ledger=None, datagrams=1, entry=None, cgroup=None):
    """`payload` and the names in `values` may contain NAME, which stands for the case's own name."""
    usual = outcome(values, ledger, datagrams)
    CASES.append(Case(name, how, options.split(), payload, entry or usual, cgroup or usual))


def lines_of(size, first="NAME:1|c\n"):
    """A payload of exactly `size` bytes: whole lines, then newlines, which are no lines."""
    def build(name):
        line = first.replace("NAME", name)
        return (line * (size // len(line))).ljust(size, "\n")
    build.lines = lambda name: size // len(first.replace("NAME", name))
    return build


def counts_lines(build):
    """The counter that lines_of() adds up to."""
    return lambda name: build.lines(name)


def add_addresses():
    ways = {"sendto": "sendto", "send": "sendto", "write": "write", "sendmsg": "sendmsg", "uring": "uring"}
    for family, flag in (("v4", "-4"), ("v6", "-6"), ("mapped", "-m")):
        for name, how in ways.items():
            if name != "write":
                case(f"{name}.unconnected.{family}", how, flag, "NAME:1|c", {"NAME": 1})
            case(f"{name}.connected.{family}", how, f"{flag} -c -n 7", "NAME:1|c", {"NAME": 1})
        case(f"sendmmsg.unconnected.{family}", "sendmmsg", f"{flag} -k 5", "NAME:1|c", {"NAME": 1})
        case(f"sendmmsg.connected.{family}", "sendmmsg", f"{flag} -c -k 5 -n 3", "NAME:1|c", {"NAME": 1})


def add_segments():
    """Names are cut in the middle by most of these."""
    for pieces in (1, 2, 3, 7, 8, 9, 16, 17, 64, 255, 256, 1024):
        build = lines_of(2048)
        case(f"iovec.{pieces}", "sendmsg", f"-k {pieces}", build, {"NAME": counts_lines(build)})
    case("iovec.writev", "writev", "-c -k 3", "NAME:1|c\nNAME:2|c", {"NAME": 3})


def add_sizes():
    for size in (1, 2, 7):
        case(f"size.{size}", "sendto", "", "x" * size, {}, {"lines.seen": 1, "lines.accepted": 0})
    case("size.0", "sendto", "", "", {}, {"datagrams.rejected.empty": 1, "lines.seen": 0})
    for size in (64, 255, 256, 257, 1023, 1472, 1473, 4095, 4096, 4097, 8191, 8192, 8193, 16384, 32768, 65506, 65507):
        for flag in ("-4", "-6") if size in (1473, 8193, 65507) else ("-4",):
            build = lines_of(size)
            case(f"size.{size}.v{flag[1]}", "sendto", flag, build, {"NAME": counts_lines(build)})
    # Too long for UDP: the call fails, nothing is sent, nothing is counted as a value.
    case("size.65508", "sendto", "", lines_of(65508), {}, entry=outcome({}, {"datagrams.rejected.oversize": 1}),
         cgroup=outcome({}, datagrams=0))


def add_lines():
    """What the kernel leaves to the daemon, beside what it does not."""
    case("lines.values", "sendto", "", "NAME:1|c\nNAME:2|c:4|c|@0.5\nNAME:8:16|c\nNAME:0x20|c", {"NAME": 67},
         {"lines.seen": 6, "lines.continued": 2, "slow.lines": 5})
    case("lines.messages", "sendto", "", "NAME:1|c\n_sc|NAME|0\n_e{1,1}:5|c\nNAME:2|c|T0\nNAME:2|c", {"NAME": 3},
         {"lines.seen": 5, "lines.events": 1, "lines.service_checks": 1, "lines.rejected.timestamp": 1})
    case("lines.tags_in_name", "sendto", "", "NAME:1|c\nNAME|c|#env:1|c\nNAME:2|c", {"NAME": 3},
         {"lines.seen": 3, "lines.rejected.value": 1})


def add_pieces_of_datagrams():
    """UDP_SEGMENT: one call, several datagrams. MSG_MORE and UDP_CORK: several calls, one datagram."""
    def segments(name):
        return f"{name}:1|c\n".ljust(100, "\n") * 10
    for how in ("segment", "segment_cmsg"):
        case(f"{how}.v4", how, "-g 100", segments, {"NAME": 10}, datagrams=10)
        case(f"{how}.v6", how, "-6 -g 100", segments, {"NAME": 10}, datagrams=10)
    # The last datagram may be shorter. Without a newline between two, they are still two lines.
    case("segment.unterminated", "segment", "-g 32", lambda name: f"{name}:1|c".ljust(32, " ") * 3 + f"{name}:1|c",
         {"NAME": 4}, datagrams=4)
    for how in ("more", "cork"):
        pieces = outcome({}, {"datagrams.lost.corked": 1})
        whole = outcome({"NAME": 3}, {"datagrams.lost.corked": 0}, sends=1)
        case(how, how, "-k 4", "NAME:1|c\nNAME:2|c", {}, entry=pieces, cgroup=whole)


def add_memory():
    """What the hook finds where the payload should be."""
    case("untouched", "untouched", "", "NAME:1|c", {"NAME": 1})
    case("untouched.connected", "untouched", "-c", "NAME:1|c", {"NAME": 1})
    case("untouched.v6", "untouched", "-6", "NAME:1|c", {"NAME": 1})
    case("untouched.two-pages", "untouched", "-o 4090", "NAME:1|c", {"NAME": 1})
    build = lines_of(30000)
    case("untouched.large", "untouched", "-o 100", build, {"NAME": counts_lines(build)})
    # Nothing is sent; an entry hook sees the attempt.
    case("bad-address", "bad_address", "-n 3", "NAME:1|c", {}, entry=outcome({}, {"lines.seen": 0}),
         cgroup=outcome({}, datagrams=0))


def add_circumstances():
    case("recverr.connected", "sendto", "-c -e -n 8", "NAME:1|c", {"NAME": 1})
    case("recverr.unconnected", "sendto", "-e -n 8", "NAME:1|c", {"NAME": 1})
    case("recverr.v6", "sendto", "-6 -c -e -n 8", "NAME:1|c", {"NAME": 1})
    case("netns.v4", "sendto", "-N -n 3", "NAME:1|c", {"NAME": 1})
    case("netns.v6", "sendto", "-N -6 -n 3", "NAME:1|c", {"NAME": 1})
    case("netns.mapped", "sendto", "-N -m -n 3", "NAME:1|c", {"NAME": 1})
    case("many-calls", "sendto", "-n 1000", "NAME:1|c", {"NAME": 1})


def add_lines():
    """One of each kind of line, and what the kernel leaves to the daemon."""
    case("type.counter", "sendto", "", "NAME:3|c|@0.1", {"NAME": 30})
    case("type.negative", "sendto", "", "NAME:-2.5|c", {"NAME": -2.5})
    case("type.timer", "sendto", "", "NAME:10|ms\nNAME:20|ms\nNAME:30.5|ms",
         {"NAME": {"count": 3, "sum": 60.5, "lower": 10, "upper": 30.5}})
    case("type.histogram", "sendto", "", "NAME:1|h\nNAME:2|h", {"NAME": {"count": 2, "sum": 3}})
    case("type.distribution", "sendto", "", "NAME:1|d\nNAME:2|d", {"NAME": {"count": 2, "sum": 3}})
    case("type.timer.sampled", "sendto", "", "NAME:7|ms|@0.5", {"NAME": {"count": 2, "sum": 7}})
    case("type.gauge", "sendto", "", "NAME:5|g\nNAME:+3|g\nNAME:-1.5|g", {"NAME": {"value": 6.5}})
    case("type.set", "sendto", "", "NAME:a|s\nNAME:b|s\nNAME:a|s", {"NAME": {"count": 2}})
    case("tags", "sendto", "", "NAME:1|c|#b:2,a:1", {"NAME;a=1;b=2": 1})
    case("neighbours", "sendto", "", "NAME:1|c\nnonsense\nNAME:x|c\n:1|c\nNAME:1|zz\nNAME:1|c|@2\nNAME:1|c",
         {"NAME": 2}, {"lines.seen": 7, "lines.accepted": 2, "lines.rejected.value": 2, "lines.rejected.name": 1,
                       "lines.rejected.type": 1, "lines.rejected.rate": 1})
    case("slow.exponent", "sendto", "", "NAME:1e3|c\nNAME:1e-9|c", {"NAME": 1000.000000001},
         {"lines.accepted": 2, "slow.lines": 2})
    long_name = "n" * 300
    case("slow.name", "sendto", "", f"{long_name}.NAME:1|c\nNAME:1|c", {f"{long_name}.NAME": 1, "NAME": 1},
         {"lines.accepted": 2})


for add in (add_addresses, add_segments, add_sizes, add_pieces_of_datagrams, add_memory, add_circumstances, add_lines):
    add()


def seen_sends(result, hook):
    """Entry hooks count each call; the cgroup hook sees what became a datagram."""
    return result["calls"] if hook in ENTRY_HOOKS else result["ok"]


def check_value(window, name, wanted, sends):
    if isinstance(wanted, dict):
        metric = window.last(name)
        for field, value in wanted.items():
            expect(metric.get(field) == value, f"{name}: {field} should be {value}: {metric}")
    else:
        got = window.counter(name)
        expect(got == wanted * sends, f"{name} should be {wanted * sends}, is {got}; flushed: {sorted(window.names())}")


def run_case(one, daemon, hook):
    """Sends, flushes, compares. The daemon must attach `hook` and see no other traffic on its port."""
    name = "case." + one.name
    payload = one.payload(name) if callable(one.payload) else one.payload.replace("NAME", name)
    result = send(one.how, payload, *one.options, port=daemon.port)
    window = daemon.flush()
    wanted = one.entry if hook in ENTRY_HOOKS else one.cgroup
    sends = wanted.sends or seen_sends(result, hook)
    try:
        for metric, value in wanted.values.items():
            check_value(window, metric.replace("NAME", name), value(name) if callable(value) else value, sends)
        unexpected = window.names() - {metric.replace("NAME", name) for metric in wanted.values}
        expect(not unexpected, f"also flushed: {sorted(unexpected)}")
        expect(window.count("datagrams.seen") == wanted.datagrams * sends,
               f"datagrams.seen should be {wanted.datagrams * sends}")
        for counter, per_send in wanted.ledger.items():
            expect(window.count(counter) == per_send * sends, f"{counter} should be {per_send * sends}")
        assert_ledger_balances(window.ledger)
    except Failure as failure:
        raise Failure(f"{failure}; sender: {result}; ledger: {window.ledger}") from None
