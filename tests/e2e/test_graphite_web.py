# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""What a captured datagram became, read back where people look: graphite-web's render, its tags and its pictures."""
import struct
import time

import pytest

from daemon import send
from graphite_web import GraphiteWeb

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    one = GraphiteWeb(tmp_path_factory.mktemp("graphite"))
    try:
        yield one.start()
    finally:
        one.stop()


def to(web, **options):
    more = "".join(f", {key}: {value}" for key, value in options.items())
    return f'outputs.graphite=[{{address: "127.0.0.1:{web.carbon.port}"{more}}}]'


def test_every_type(web, start):
    one = start(to(web), "timers.percentiles=[90]")
    send("sendto", "web.hits:3|c\nweb.hits:4|c\nweb.depth:12.5|g\nweb.users:a|s\nweb.users:b|s\nweb.load:7|ms", port=one.port)
    at = one.flush().last("web.hits")["timestamp"]
    wanted = {"stats.counters.web.hits.count": [7], "stats.gauges.web.depth": [12.5], "stats.sets.web.users.count": [2],
              "stats.timers.web.load.upper_90": [7]}
    found = web.wait_rendered(list(wanted), wanted)
    assert {second for points in found.values() for _, second in points} == {at}


def test_a_series_in_time(web, start):
    """Each value at the second at which its sender says that it was."""
    one = start(to(web))
    now = int(time.time())
    values = {now - 60 + second: float(second * second) for second in range(60)}
    send("sendto", "\n".join(f"web.curve:{value}|g|T{at}" for at, value in values.items()), port=one.port)
    one.flush()
    found = web.wait_rendered("stats.gauges.web.curve", {"stats.gauges.web.curve": list(values.values())})
    assert [second for _, second in found["stats.gauges.web.curve"]] == list(values)


def test_tags(web, start):
    one = start(to(web))
    send("sendto", "web.tagged:1|c|#env:prod,zone:eu\nweb.tagged:2|c|#env:prod,zone:us\nweb.tagged:4|c|#env:test,zone:us",
         port=one.port)
    one.flush()
    path = "stats.counters.web.tagged.count"
    web.wait_rendered(f"seriesByTag('name={path}', 'env=prod')",
                      {f"{path};env=prod;zone=eu": [1], f"{path};env=prod;zone=us": [2]})
    web.wait_rendered(f"groupByTags(seriesByTag('name={path}'), 'sum', 'zone')", {f"{path};zone=eu": [1], f"{path};zone=us": [6]})


def test_names_that_need_care(web, start):
    """What senders put into names and tags finds its way to the page, made safe."""
    one = start(to(web))
    send("sendto", "web/odd name!é:1|c\nweb.tag:2|c|#k e y:~v;a l\tue", port=one.port)
    names = one.flush().names()
    assert len(names) == 2
    for name in names:
        path, semicolon, tags = name.partition(";")
        if tags:
            found = web.wait_rendered(f"seriesByTag('name=stats.counters.{path}.count')",
                                      {f"stats.counters.{path}.count{semicolon}{tags}": [2]})
        else:
            found = web.wait_rendered(f"stats.counters.{path}.count", {f"stats.counters.{path}.count": [1]})
        assert found


def test_picture(web, start):
    """graphite-web draws what was captured: another picture than that of nothing."""
    one = start(to(web))
    now = int(time.time())
    send("sendto", "\n".join(f"web.drawn:{at % 17}|g|T{at}" for at in range(now - 60, now)), port=one.port)
    one.flush()
    web.wait_rendered("stats.gauges.web.drawn", {"stats.gauges.web.drawn": [at % 17 for at in range(now - 60, now)]})
    size = {"width": 400, "height": 200, "from": now - 60, "until": now, "hideLegend": "true"}
    drawn, empty = (web.png(target, **size) for target in ("stats.gauges.web.drawn", "stats.gauges.web.no_such"))
    for picture in (drawn, empty):
        assert picture.startswith(PNG)
        assert struct.unpack(">II", picture[16:24]) == (400, 200)
    assert len(drawn) > len(empty) * 1.5
