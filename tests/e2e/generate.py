# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Lines of statsd's protocol at random, from a seed: what applications send, what they should not, and bytes.

Kinds of lines are in one table with their shares. Of all lines but the deviating ones (deviations.py) statsd and
kstatsd must make the same. What is left out: rates that kill statsd, and names that JavaScript objects are born with.

Signed values are multiples of 1/64: adding and subtracting them is exact in any order, so that a sum near zero is no
difference of rounding errors, which no relative difference could judge.
"""
import os
import random

from deviations import DEVIATIONS, sample

SERIES = 60  # names for each type
# Bytes of names that are deleted or replaced; none that ends the name.
ODD = [b" ", b"\t", b"  ", b" \t ", b"/", b"+", b"*", b"%", b"(", b")", b"\"", b"'", b"@", b",", b"#", b"[", b"]", b"\\",
       b"\x01", b"\x7f", b"\0", b"\r", b"\v", b"\f", "\u00e9".encode(), "\u4e2d".encode(), "\U0001f600".encode(),
       b"\xff", b"\xc3", b"\xe2\x82"]
RATES = ["1", "1.0", "0.1", "0.5", ".5", "0.25", "0.01", "0.001", "0.3", "0.123456789", "0.99", "00.5", "0.50"]
BAD_VALUES = ["", "abc", "nan", "infinity", "inf", "-", "+", "--5", "+-5", "5-", "1.2.3", "1e", "e5", ".", "1,5", "1_0", "5ms",
              "0x", "0xg", "-0x10", "0x1.8p3", "0x1p3", "1e+", "1 2", "$5", "\u0661"]
BAD_RATES = ["@", "@-0.5", "@x", "@0.1x", "@0.1.5", "@@0.1", "0.1", "x0.1", "", "@,5", "@0.5@"]
BAD_FORMS = ["NAME", "NAME:", "NAME:5", "NAME:5:6", "NAME|c", "NAME:|c", "NAME:|g", "NAME:|ms", "NAME:-5|ms", "NAME:-0.01|ms",
             "NAME:5|c|", "NAME:5|ms||@0.1", "NAME:c|5", "|c", "|", "NAME|5:c", "NAME:x|g:y|g", "NAME 5 c", "NAME=5"]


def seed_of_run():
    """KSTATSD_SEED, or a new one; printed, so that a failure can be had again."""
    seed = int(os.environ.get("KSTATSD_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"KSTATSD_SEED={seed}")
    return seed


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.samples = []  # the deviations used so far
        self.values = {"c": self.counter_value, "g": self.gauge_value, "ms": self.timer_value, "s": self.member}
        self.kinds = [(50, self.plain), (12, self.spelled), (12, self.tagged), (8, self.several), (4, self.long_name),
                      (10, self.malformed), (2, self.garbage), (1, self.empty), (3, self.carriage_return), (3, self.deviating)]

    def choose(self, *options):
        return self.random.choice(options)

    def some(self, share):
        return self.random.random() < share

    # Values

    def whole(self):
        return str(self.random.choice((self.random.randrange(100), self.random.randrange(1000000))))

    def number(self):
        """Not negative, in the notations that JavaScript's Number() knows."""
        draw = self.random
        return self.choose(
            self.whole, self.whole, lambda: f"{draw.uniform(0, 1000):.{draw.randrange(1, 12)}f}",
            lambda: f".{draw.randrange(1, 1000)}", lambda: self.whole() + ".", lambda: "000" + self.whole(),
            lambda: "+" + self.whole(), lambda: f"{draw.uniform(1, 10):.3f}{self.choose('e', 'E')}{draw.randrange(-9, 9)}",
            lambda: f"{draw.randrange(1, 9)}e+{draw.randrange(0, 15)}", lambda: repr(draw.uniform(0, 1e6)),
            lambda: f"{self.choose('0x', '0X')}{draw.randrange(1 << 20):{self.choose('x', 'X')}}", lambda: "0")()

    def exact(self):
        return repr(self.random.randrange(-6400, 6400) / 64)

    def counter_value(self):
        return self.exact() if self.some(0.2) else self.number()

    def gauge_value(self):
        value = self.random.randrange(64000) / 64
        return self.choose(self.number, self.exact, lambda: f"+{value!r}", lambda: f"-{value!r}", lambda: repr(value))()

    def timer_value(self):
        return self.number()

    def member(self):
        draw = self.random
        return self.choose(lambda: f"user{draw.randrange(40)}", lambda: str(draw.randrange(40)), lambda: "", lambda: "0",
                           lambda: f" {draw.randrange(5)} ", lambda: "\u00fc\u4e2d", lambda: "a/b,c;d=e")()

    def type(self):
        return self.choose("c", "c", "g", "ms", "ms", "s")

    def rate(self, kind):
        return f"|@{self.choose(*RATES)}" if self.some(0.3) and kind != "g" else ""

    # Names

    def name(self, kind):
        number = self.random.randrange(SERIES)
        return f"gen.{kind}{number % 7}.n_{number}-{'x' * (number % 11)}"

    def spell(self, name):
        """Another spelling of the name, or another name; either way bytes that do not survive."""
        pieces = [letter.encode() for letter in name]
        for _ in range(self.random.randrange(1, 4)):
            pieces.insert(self.random.randrange(1, len(pieces)), self.random.choice(ODD))
        return b"".join(pieces)

    def tags(self):
        """Sorted by name, each once, with values: the other cases are deviations."""
        keys = sorted(self.random.sample(["app", "env", "host", "role", "zone"], self.random.randrange(1, 4)))
        pairs = [self.choose(":a", ":b-1", "=b-1", ":x/y", "=p q", ":p q", "=v1.2", ":a:b", "=\u00e91", ":a")
                 for _ in keys]
        return ",".join(map(str.__add__, keys, pairs))

    # Lines

    def value(self, kind):
        return f"{self.values[kind]()}|{kind}{self.rate(kind)}"

    def plain(self):
        kind = self.type()
        return f"{self.name(kind)}:{self.value(kind)}".encode()

    def spelled(self):
        kind = self.type()
        return self.spell(self.name(kind)) + f":{self.value(kind)}".encode()

    def tagged(self):
        kind = self.type()
        if self.some(0.2):
            graphite = ";".join(f"{key}={self.random.randrange(3)}" for key in ("a", "b"))
            return f"{self.name(kind)};{graphite}:{self.value(kind)}".encode()
        return f"{self.name(kind)}:{self.value(kind)}|#{self.tags()}".encode()

    def several(self):
        """Of one type, as clients do, or of several."""
        kinds = [self.type()] * self.random.randrange(2, 8) if self.some(0.7) else [self.type() for _ in range(3)]
        tags = "|#" + self.tags() if self.some(0.3) else ""
        return f"{self.name(kinds[0])}:{':'.join(map(self.value, kinds))}{tags}".encode()

    def long_name(self):
        kind = self.type()
        size = self.random.choice((60, 120, 190, 191, 192, 193, 255, 256, 257, 300, 700))
        return f"{self.name(kind)}.{'long' * (size // 4)}:{self.value(kind)}".encode()

    def malformed(self):
        kind = self.choose("c", "g", "ms")
        name = self.name("bad")
        return self.choose(lambda: f"{name}:{self.choose(*BAD_VALUES)}|{kind}",
                           lambda: f"{name}:5|{kind}|{self.choose(*BAD_RATES)}",
                           lambda: self.choose(*BAD_FORMS).replace("NAME", name))().encode()

    def garbage(self):
        """Without a colon nothing is a line."""
        allowed = [byte for byte in range(256) if byte not in b":\n"]
        return b"?" + bytes(self.random.choices(allowed, k=self.random.randrange(1, 60)))

    def empty(self):
        return b""

    def carriage_return(self):
        kind = self.choose("c", "g", "ms")
        return f"{self.name(kind)}:{self.number()}|{kind}\r".encode()

    def deviating(self):
        """The deviation and what it means; the rounds of one run share no name."""
        row = self.random.choice(DEVIATIONS)
        one = sample(row, self.random.choice(row.examples), len(self.samples))
        self.samples.append(one)
        return b"\n".join(one.lines)

    def lines(self, count):
        weights, kinds = zip(*self.kinds)
        return [kind() for kind in self.random.choices(kinds, weights, k=count)]

    def datagrams(self, lines):
        """Of 1 to 20 lines; some end with a newline, some have empty lines."""
        packed, begin = [], 0
        while begin < len(lines):
            size = self.random.randrange(1, 21)
            packed.append(b"\n".join(lines[begin:begin + size]) + self.choose(b"", b"\n", b"\n\n"))
            begin += size
        return packed
