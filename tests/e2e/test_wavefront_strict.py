# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The strict reader of Wavefront's lines refuses what it is there to refuse: else it would prove nothing."""
import pytest

from wavefront import PROXY, Histogram, Point, Refused, parse

TAIL = '1700000000 source="a"'


@pytest.mark.parametrize("line, wanted", [
    ('"a.b" 1 1700000000 source="h"', Point("a.b", 1, 1700000000, "h", {})),
    ('"∆a" 0.5 1700000000 source="h" "k"="v"', Point("∆a", 0.5, 1700000000, "h", {"k": "v"})),
    ('"~a" -1e-7 1700000000 source="a \\"b\\"" "k"="v=w x"', Point("~a", -1e-7, 1700000000, 'a "b"', {"k": "v=w x"})),
    ('!M 1700000000 #2 1.5 #1 -3 "a" source="h"', Histogram("!M", 1700000000, [(2, 1.5), (1, -3)], "a", "h", {})),
])
def test_taken(line, wanted):
    assert parse(line) == wanted


@pytest.mark.parametrize("line, code", [
    (f'"a b" 1 {TAIL}', "WF-400"),
    (f'"" 1 {TAIL}', "WF-400"),
    (f'"a∆" 1 {TAIL}', "WF-400"),
    (f'"a" 1 {TAIL} "k k"="v"', "WF-401"),
    (f'"∆a" 0 {TAIL}', "WF-404"),
    (f'"∆a" -1 {TAIL}', "WF-404"),
    ('!M 1700000000 "a" source="h"', "WF-405"),
    ('!M 1700000000 #0 1 "a" source="h"', "strict"),
    ('!M 1700000000 #2147483648 1 "a" source="h"', "strict"),
    ('!M 1700000000 #-1 1 "a" source="h"', "strict"),
    ('!M 1700000000 #1 nan "a" source="h"', "strict"),
    ('!W 1700000000 #1 1 "a" source="h"', "strict"),
    ('"a" 1 1700000000', "WF-406"),
    ('"a" 1 1700000000 source=" "', "WF-406"),
    ('"a" 1 1700000000 "k"="v"', "WF-406"),
    (f'"a" 1 1700000000 source="{"s" * 129}"', "WF-407"),
    (f'"{"a" * 257}" 1 {TAIL}', "WF-408"),
    (f'!M 1700000000 #1 1 "{"a" * 257}" source="h"', "WF-409"),
    (f'"a" 1 {TAIL} ' + " ".join(f'"k{i}"="v"' for i in range(21)), "WF-410"),
    (f'"a" 1 {TAIL} "k"="{"v" * 254}"', "WF-411"),
    (f'"a" 1 {TAIL} "{"k" * 65}"="v"', "WF-412"),
    (f'"a" 1 {TAIL} "k"=""', "WF-414"),
    (f'"a" 1 {TAIL} "k"="v" "k"="w"', "strict"),
    (f'"a" NaN {TAIL}', "strict"),
    (f'"a" Infinity {TAIL}', "strict"),
    (f'"a" 1e999 {TAIL}', "strict"),
    ('"a" 1 1700000000000 source="h"', "strict"),
    ('"a" 1 0 source="h"', "strict"),
    ('"a" 1 source="h"', "strict"),
    (f'"a" 1 {TAIL} ', "strict"),
    (f'"a"  1 {TAIL}', "strict"),
    (f'"a" 1 {TAIL} "k"="v\\"', "strict"),
])
def test_refused(line, code):
    with pytest.raises(Refused) as refusal:
        parse(line)
    assert refusal.value.code == code


def test_limits_of_the_proxy():
    line = f'"{"a" * 1023}" 1 {TAIL}'
    assert parse(line, PROXY).name == "a" * 1023
    with pytest.raises(Refused):
        parse(line)
