# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Tags, templates and the mapping through the whole daemon, and that a reload renames what the kernel holds."""
import json
import socket
import subprocess

from carbon import FakeCarbon, assert_lines_valid
from daemon import KSTATSD, assert_ledger_balances, free_port, send, wait_for
from prometheus import get, samples
from wavefront import Receiver


def write(path, text):
    path.write_text(text)
    return f"mapping={path}"


def test_styles_of_tags_meet_in_one_series(start):
    one = start()
    send("sendto", "t,k=v:1|c\nt#k=v:2|c\nt[k=v]:4|c\nt;k=v:8|c\nt:16|c|#k:v\nt:32|c|@0.3|#k=v", port=one.port)
    window = one.flush()
    assert window.names() == {"t;k=v"}
    assert abs(window.counter("t;k=v") - (31 + 32 / 0.3)) < 1e-6


def test_mapping_reaches_every_output(start, tmp_path):
    carbon = FakeCarbon()
    try:
        one = start(write(tmp_path / "m.yml", """
mappings:
- {match: "web.*.hits", name: hits, labels: {region: $1}}
- {match: "web.*.ms", name: web_seconds, labels: {region: $1}, scale: 0.001}
"""), f'outputs.graphite=[{{address: "127.0.0.1:{carbon.port}"}}]')
        # The last has a rate that the kernel leaves to the daemon.
        send("sendto", "web.eu.hits:1|c\nweb.eu.ms:250|ms\nweb.eu.ms:750|ms\nweb.eu.hits:3|c|@0.3", port=one.port)
        window = one.flush()
        assert abs(window.counter("hits;region=eu") - 11) < 1e-9
        timer = window.last("web_seconds;region=eu")
        assert (timer["sum"], timer["sum_squares"], timer["upper"], timer["mean"]) == (1, 0.625, 0.75, 0.5)
        assert carbon.wait_value("stats.timers.web_seconds.upper;region=eu") == [0.75]
        assert_lines_valid(carbon.lines)
    finally:
        carbon.stop()


def test_dropped_series_are_counted(start, tmp_path):
    one = start(write(tmp_path / "m.yml", "mappings: [{match: 'debug.*', name: dropped, action: drop}]"))
    send("sendto", "debug.a:1|c\ndebug.a:1|c\ndebug.b:1|ms\ndebug.c:1|g\ndebug.d:1|s\nkept:1|c", port=one.port)
    window = one.flush()
    assert window.names() == {"kept"}
    assert window.count("mapping.dropped") == 4
    assert window.count("lines.accepted") == 6
    window = one.flush()
    assert window.names() == set() and window.count("mapping.dropped") == 0


def test_reload_renames_what_the_kernel_holds(start, tmp_path):
    path = tmp_path / "m.yml"
    one = start(write(path, "mappings: [{match: 'a.*', name: before, labels: {what: $1}}]"))
    lines = "a.count:1|c\na.time:5|ms\na.gauge:10|g\na.set:x|s\nother:1|c"
    send("sendto", lines, port=one.port)
    assert one.flush().names() == {"before;what=count", "before;what=time", "before;what=gauge", "before;what=set", "other"}

    path.write_text("mappings: [{match: 'a.*', name: behind, labels: {what: $1}}]")
    send("sendto", "a.count:2|c", port=one.port)
    assert one.ask("reload").returncode == 0
    # The window that was open goes by its old names.
    send("sendto", "a.count:2|c", port=one.port)
    assert one.flush().counter("before;what=count") == 4

    send("sendto", "a.count:4|c\na.time:6|ms\na.gauge:+1|g\na.set:y|s\nother:2|c", port=one.port)
    window = one.flush()
    assert window.names() == {"behind;what=count", "behind;what=time", "behind;what=gauge", "behind;what=set", "other"}
    assert window.counter("behind;what=count") == 4
    assert window.last("behind;what=gauge")["value"] == 11  # it is the same gauge

    # Without the mapping, and with templates; and back, to a file that is not right.
    path.write_text("mappings: [{match: 'a.*'}]")
    refused = one.ask("reload")
    assert refused.returncode == 2 and f"{path}:1: mappings[0].name: is missing" in refused.stderr
    send("sendto", "a.count:8|c", port=one.port)
    assert one.flush().counter("behind;what=count") == 8


def test_old_names_are_not_sent_again_after_a_reload(start, tmp_path):
    """Where idle series are sent again, those whose name is another one now are not, and a gauge goes on."""
    path = tmp_path / "m.yml"
    one = start(write(path, "mappings: [{match: 'a.*', name: before, labels: {what: $1}}]"), "delete_idle=false")
    send("sendto", "a.count:1|c\na.time:5|ms\na.gauge:10|g\na.set:x|s\nother:1|c\nold:3|g", port=one.port)
    one.flush()
    path.write_text("mappings: [{match: 'a.*', name: behind, labels: {what: $1}}]")
    assert one.ask("reload").returncode == 0
    one.flush()
    send("sendto", "a.count:4|c\na.gauge:+1|g", port=one.port)
    window = one.flush()
    assert window.names() == {"behind;what=count", "behind;what=gauge", "other", "old"}
    assert window.last("behind;what=gauge")["value"] == 11
    window = one.flush()
    assert window.names() == {"behind;what=count", "behind;what=gauge", "other", "old"}
    assert window.counter("behind;what=count") == 0


def test_a_rule_that_makes_too_much_of_a_name(start, tmp_path):
    """Its series are rejected, counted and told of once; everything else goes on, and so do they after a reload."""
    path = tmp_path / "m.yml"
    one = start(write(path, "mappings: [{match: 'a.*', name: '" + "$1" * 200 + "'}]"))
    name = "a." + "x" * 100
    for _ in range(2):
        send("sendto", f"{name}:1|c\n{name}:5|ms\n{name}:6|ms\n{name}:10|g\n{name}:x|s\nother:1|c", port=one.port)
        window = one.flush()
        assert window.names() == {"other"}
        assert window.count("lines.rejected.too_long") == 5
        assert_ledger_balances(window.ledger)
    assert one.flush().count("lines.rejected.too_long") == 0
    assert one.log().count("the mapping makes a name of more than 8 kB") == 1
    assert "out of memory" not in one.log()
    path.write_text("mappings: []")
    assert one.ask("reload").returncode == 0
    one.flush()
    send("sendto", f"{name}:7|c", port=one.port)
    assert one.flush().counter(name) == 7


def test_reload_of_settings(tmp_path, start):
    file = tmp_path / "kstatsd.yaml"
    file.write_text("tags: {influxdb: false}\n")
    one = start(command_prefix=["/bin/sh", "-c", 'exe=$0; shift; exec "$exe" run -c ' + str(file) + ' "$@"'])
    send("sendto", "a.b,k=v:1|c", port=one.port)
    assert one.flush().names() == {"a.bkv"}
    file.write_text("names: {metric_separator: _, templates: ['a.* .measurement.host']}\n")
    assert one.ask("reload").returncode == 0
    one.flush()
    send("sendto", "a.b,k=v:1|c\na.b.web1:2|c\nc.d.e:4|ms", port=one.port)
    window = one.flush()
    assert window.names() == {"b;k=v", "b;host=web1", "c_d_e"}
    assert window.counter("b;k=v") == 1


def test_runaway_pattern_is_counted_and_said(start, tmp_path):
    one = start(write(tmp_path / "m.yml", r"mappings: [{match: '^(a+)+(a+)+(a+)+$', match_type: regex, name: x}]"))
    name = "a" * 50 + "b"
    send("sendto", f"{name}:1|c\nfine:1|c", port=one.port)
    window = one.flush()
    assert window.counter(name) == 1 and window.counter("fine") == 1
    assert one.flush().count("mapping.failed") + window.count("mapping.failed") == 1
    assert "took too long on a name" in one.log()


def test_bad_mapping_does_not_start(tmp_path):
    path = tmp_path / "m.yml"
    path.write_text("mappings:\n- match: a.*\n  name: a\n  action: lose\n")
    for command in ("run", "check"):
        done = subprocess.run([KSTATSD, command, "-s", f"mapping={path}", "-s", f"runtime_dir={tmp_path}/run"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
        assert done.returncode != 0
        assert f"{path}:4: mappings[0].action: 'lose' is not one of: map, drop" in done.stderr


def test_nobody_counts_in_the_ledger(start, tmp_path):
    """Neither by what Prometheus or Wavefront make of a name, nor by what a rule, a template or both make of it."""
    web = free_port(socket.SOCK_STREAM)
    proxies = {separator: Receiver() for separator in ".-"}
    try:
        one = start(write(tmp_path / "m.yml", "mappings: [{match: 'mapped.*', name: kstatsd_daemon_$1}]"),
                    'names.templates=["cut.* x.measurement*"]',
                    f'outputs.prometheus={{listen: "127.0.0.1:{web}"}}',
                    "outputs.wavefront=" + json.dumps([{"proxy": proxy.address, "metric_separator": separator,
                                                        "retry": {"min": "20ms", "max": "100ms"}}
                                                       for separator, proxy in proxies.items()]))
        names = [f"{head}{name}" for head in ("kstatsd.", "kstatsd_", "kstatsd-", "_kstatsd_", "kstatsd--", "cut.kstatsd.")
                 for name in ("daemon.flushes", "daemon_flushes", "daemon-flushes")] + ["mapped.flushes"]
        send("sendto", "\n".join(f"{name}:{1000000 + number}|c" for number, name in enumerate(names)) +
             "\nkstatsd:1|g\nlast:1|c", port=one.port)
        one.flush()
        shown = wait_for(lambda: (shown := samples(get(web).text)).get("last") and shown, "the flush to be shown")
        own = {name: value for name, value in shown.items() if name.startswith("kstatsd")}
        assert 1 <= own["kstatsd_daemon_flushes"] < 10 and "kstatsd" not in own
        assert all(value < 1000000 or "bytes" in name for name, value in own.items()), own
        assert shown["_kstatsd_daemon_flushes"] > 1000000 and shown["_kstatsd"] == 1
        for separator, proxy in proxies.items():
            proxy.wait_point(f"last{separator}count")
            counted = [point for point in proxy.points if point.name.startswith("kstatsd") and point.name.endswith("count")
                       and "flushes" in point.name]
            assert counted and all(point.value < 10 for point in counted), counted
            assert any(point.value > 1000000 for point in proxy.points if "kstatsd" in point.name)
            proxy.check()
    finally:
        for proxy in proxies.values():
            proxy.stop()
