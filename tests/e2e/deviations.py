# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Where kstatsd does on purpose not do what statsd does: one row for each deviation of docs/statsd.md.

A row has examples: a line (or several), and what kstatsd takes it to mean, written so that statsd takes it to mean
just that. Both are sent to both:

    NAME:1|c|@1e-1   ->   deviant.7.rate-exponent:1|c|@1e-1       kstatsd must make of this what
                          meant.7.rate-exponent:1|c|@0.1          statsd makes of this, and statsd must not

So statsd itself judges, and a deviation that statsd does not know any more is found.
"""
import collections

from statsd_oracle import DEVIANT

MEANT = "meant."

Deviation = collections.namedtuple("Deviation", "name reason examples")
# more: how many more bad lines kstatsd sees in `lines` than statsd does; a number below zero if less.
Example = collections.namedtuple("Example", "lines meant more")
# An example under names of its own, ready to be sent.
Sample = collections.namedtuple("Sample", "deviation token lines more")

DEVIATIONS = []


def deviation(name, reason, *examples):
    DEVIATIONS.append(Deviation(name, reason, [Example(*example) for example in examples]))


def bad(*lines):
    """Lines that statsd takes and kstatsd does not."""
    return [(line, [], 1) for line in lines]


deviation("rate-out-of-range", "a rate not above 0 and at most 1 is a bad line, it cannot be a share",
          *bad("NAME:7|c|@2", "NAME:7|c|@0", "NAME:7|ms|@1.5", "NAME:7|ms|@0.0", "NAME:7|c|@1e400"))
deviation("rate-exponent", "@1e-1 is 0.1; statsd reads 1",
          ("NAME:7|c|@1e-1", ["NAME:7|c|@0.1"], 0), ("NAME:7|ms|@5E-1", ["NAME:7|ms|@0.5"], 0))
deviation("histograms", "h and d are timers; statsd makes counters of them",
          ("NAME:7|h", ["NAME:7|ms"], 0), ("NAME:7|d|@0.5|#a:b", ["NAME:7|ms|@0.5|#a:b"], 0))
deviation("unknown-type", "it is a bad line; statsd makes a counter of it",
          *bad("NAME:7|zzz", "NAME:7|m", "NAME:7|C", "NAME:7|", "NAME:7|cc|@0.5", "NAME:7|m s"))
deviation("infinity", "a value that is not finite is a bad line: what comes of it could not be told to anyone",
          *bad("NAME:Infinity|g", "NAME:-Infinity|c", "NAME:1e400|c", "NAME:1e400|ms"))
deviation("bare-tag", "a tag without a value is true: Graphite has no tags without a value",
          ("NAME:7|c|#bare", ["NAME:7|c|#bare:true"], 0), ("NAME:7|ms|#a:1,bare", ["NAME:7|ms|#a:1,bare:true"], 0),
          ("NAME;bare:7|g", ["NAME;bare=true:7|g"], 0), ("NAME:7|s|#bare:", ["NAME:7|s|#bare:true"], 0))
deviation("nameless-tag", "a tag without a name is none",
          ("NAME:7|c|#,a:1,", ["NAME:7|c|#a:1"], 0), ("NAME:7|g|#:v,a:1", ["NAME:7|g|#a:1"], 0),
          ("NAME;;a=1:7|c", ["NAME;a=1:7|c"], 0))
deviation("repeated-tag", "of two tags of one name the last counts; Graphite would refuse the metric",
          ("NAME:7|c|#a:1,a:2", ["NAME:7|c|#a:2"], 0))
deviation("order-of-tags", "tags are a set: their order does not make another series",
          ("NAME:7|c|#b:2,a:1\nNAME:8|c|#a:1,b:2", ["NAME:7|c|#a:1,b:2", "NAME:8|c|#a:1,b:2"], 0))
deviation("tag-called-name", "it becomes _name: Graphite has a meaning for name",
          ("NAME:7|c|#name:x", ["NAME:7|c|#_name:x"], 0))
deviation("fields-behind-tags", "a field behind the tags is a field, not text of the last tag",
          ("NAME:7|c|#a:b|@0.5", ["NAME:7|c|@0.5|#a:b"], 0), ("NAME:7|ms|#a:b|@0.1", ["NAME:7|ms|@0.1|#a:b"], 0))
deviation("packed-values", "DogStatsD's way to send several values; statsd counts the last and rejects the others",
          ("NAME:1:2:3|ms", ["NAME:1|ms:2|ms:3|ms"], -2),
          ("NAME:1:2:3|c|@0.5|#a:b", ["NAME:1|c|@0.5:2|c|@0.5:3|c|@0.5|#a:b"], -2),
          ("NAME:1:2.5|h", ["NAME:1|ms:2.5|ms"], -1), ("NAME::7|c", ["NAME:7|c"], -1))
deviation("colon-in-set", "a member of a set may have colons; statsd cuts at them",
          ("NAME:a:b|s\nNAME:c:b|s", ["NAME:ab|s", "NAME:cb|s"], -2))
deviation("dogstatsd-fields", "container id, external data and cardinality are DogStatsD's, and accepted",
          ("NAME:7|c|c:83c0a99c", ["NAME:7|c"], -2), ("NAME:7|ms|@0.5|c:in-4242", ["NAME:7|ms|@0.5"], -1),
          ("NAME:7|g|e:it-false,cn-web", ["NAME:7|g"], -2), ("NAME:7|s|card:low", ["NAME:7|s"], -2),
          ("NAME:7|c|#a:b|c:83c0a99c", ["NAME:7|c|#a:b"], 0))
deviation("unknown-field", "what stands behind a rate and is no field makes a bad line; statsd does not look there",
          *bad("NAME:7|c|@0.5|x", "NAME:7|ms|@1|0.1"))
deviation("several-fields-of-tags", "the last counts; statsd knows the first",
          ("NAME:7|c|#a:1|#b:2", ["NAME:7|c|#b:2"], 0))
deviation("semicolon-in-tag", "each becomes _; statsd replaces the first, so that the second begins another tag",
          ("NAME:7|c|#a:1;2;b=3", ["NAME:7|c|#a:1_2_b=3"], 0))
deviation("equals-sign-in-name", "it goes: the part of a tag that it would look like is none",
          ("NAME.a=b:7|c", ["NAME.ab:7|c"], 0))
deviation("unicode-blanks", "only ASCII's blanks become _; all other bytes beyond ASCII go",
          ("NAME.a\u00a0b\u3000:7|c", ["NAME.ab:7|c"], 0))
deviation("long-line", "a line has at most 8191 bytes",
          *bad(f"NAME.{'long' * 2100}:7|c"))
deviation("events", "events and service checks are DogStatsD's: counted as such, Graphite has no place for them",
          ("_e{5,4}:title|text", [], -1), ("_sc|NAME|0", [], -1), ("_sc|NAME|2|m:broken", [], -1))
deviation("empty-name", "a line without a name is a bad line",
          *bad(":7|c|#x:NAME", ":7|g|#x:NAME", ":7|ms|#x:NAME"))
deviation("empty-component", "carbon has no folders without a name: dots that separate nothing go",
          (".NAME..x.:7|c", ["NAME.x:7|c"], 0))
deviation("own-names", "kstatsd. begins the names of kstatsd's own metrics; one that is sent, or that a sink may make that of, "
          "gets a _ before it",
          *((f"kstatsd{byte}NAME:7|c", [f"_kstatsd{byte}NAME:7|c"], 0) for byte in "._-"))
deviation("blank-behind-type", "a line that ends with a blank, or CR LF, is taken as without; statsd then lets "
          "a timer be negative and refuses the members of sets that are no numbers",
          ("NAME:-7|ms\r", [], 1), ("NAME:alice|s\r\nNAME:bob|s ", ["NAME:alice|s", "NAME:bob|s"], -2))
deviation("invalid-utf8-in-set", "members are bytes; statsd holds all that is not UTF-8 for the same",
          (b"NAME:\xfe|s\nNAME:\xff|s", ["NAME:a|s", "NAME:b|s"], 0))

BY_NAME = {row.name: row for row in DEVIATIONS}


def to_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def sample(row, example, number):
    """The lines to send for an example: itself, then what it means, under names that no other has."""
    token = f"{number}.{row.name}"
    lines = to_bytes(example.lines).replace(b"NAME", (DEVIANT + token).encode()).split(b"\n")
    meant = [to_bytes(line).replace(b"NAME", (MEANT + token).encode()) for line in example.meant]
    return Sample(row.name, token, lines + meant, example.more)


def expected(statsd):
    """What kstatsd must have flushed, from what statsd did."""
    values = {name: value for name, value in statsd.items() if DEVIANT not in name}
    values.update({name.replace(MEANT, DEVIANT): value for name, value in statsd.items() if MEANT in name})
    return values


def series_of(values, token):
    return {name: value for name, value in values.items() if DEVIANT + token in name}


def is_dead(one, statsd):
    """Whether statsd did with this sample what kstatsd is to do: then the deviation is none."""
    return one.more == 0 and series_of(statsd, one.token) == series_of(expected(statsd), one.token)
