# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""What users type, and the sentences they get: run, check, status, flush, reload, --version, --help."""
import json
import os
import re
import signal
import socket
import subprocess

import pytest

import hooks
from daemon import KSTATSD, PATIENCE, Daemon, assert_ledger_balances, free_port, send, wait_for


def kstatsd(*arguments, prefix=(), **options):
    return subprocess.run([*prefix, KSTATSD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, timeout=60, stdin=subprocess.DEVNULL, **options)


def test_version_and_help():
    version = kstatsd("--version")
    assert version.returncode == 0 and re.search(r"\d+\.\d+", version.stdout) and version.stderr == ""
    text = kstatsd("--help")
    assert text.returncode == 0 and text.stderr == ""
    for command in ("run", "check", "status", "flush", "reload"):
        assert command in text.stdout


@pytest.mark.parametrize("arguments", [(), ("frobnicate",), ("run", "--frobnicate"), ("run", "-s"), ("run", "surplus")],
                         ids=["nothing", "unknown-command", "unknown-option", "option-without-value", "surplus-word"])
def test_usage_errors(arguments):
    done = kstatsd(*arguments)
    assert done.returncode == 2 and done.stdout == "" and done.stderr


@pytest.mark.parametrize("setting,words", [
    ("flush.intervall=1s", ["flush.intervall"]),
    ("flush.interval=soon", ["flush.interval", "soon"]),
    ("flush.interval=0s", ["flush.interval"]),
    ("capture.statsd.ports=[0]", ["capture.statsd.ports"]),
    ("capture.statsd.ports=[65536]", ["capture.statsd.ports", "65536"]),
    ("capture.statsd.ports=[80abc]", ["capture.statsd.ports", "80abc"]),
    ("capture.statsd.hook=magic", ["capture.statsd.hook", "magic"]),
    ("timers.percentiles=[101]", ["timers.percentiles", "101"]),
    ('outputs.graphite=[{address: "nowhere"}]', ["address", "nowhere"]),
    ("surplus", ["surplus"]),
])
@pytest.mark.parametrize("command", ["run", "check"])
def test_bad_setting(command, setting, words):
    done = kstatsd(command, "-s", setting)
    assert done.returncode == 2, done.stderr
    for word in words:
        assert word in done.stderr


PEM = "cert_file: {0}/none.crt, key_file: {0}/none.key"


@pytest.mark.parametrize("outputs, missing", [
    ("prometheus: {{token_file: {0}/none.token}}", "none.token"),
    ("prometheus: {{tls: {{enabled: true, " + PEM + "}}}}", "none.crt"),
    ("graphite: [{{address: '127.0.0.1:2003', tls: {{enabled: true, ca_file: {0}/none.ca}}}}]", "none.ca"),
    ("graphite: [{{address: '127.0.0.1:2003', tls: {{enabled: true, " + PEM + "}}}}]", "none.crt"),
    ("wavefront: [{{url: 'https://127.0.0.1:1', token_file: {0}/none.token}}]", "none.token"),
    ("otlp: [{{url: 'https://127.0.0.1:1', tls: {{ca_file: {0}/none.ca}}}}]", "none.ca"),
])
def test_check_reads_files(outputs, missing, tmp_path):
    """What `run` would refuse, or fail for ever with, `check` says."""
    setting = "outputs={" + outputs.format(tmp_path) + "}"
    done = kstatsd("check", "-s", setting)
    assert done.returncode == 1 and "files          not readable" in done.stdout, done.stdout + done.stderr
    assert f"{tmp_path}/{missing}" in done.stderr, done.stderr


def test_check_finds_files(tmp_path):
    (tmp_path / "token").write_text("sesame\n")
    done = kstatsd("check", "-s", f"outputs.prometheus={{token_file: {tmp_path}/token}}")
    assert done.returncode == 0 and "files          readable" in done.stdout, done.stdout + done.stderr
    assert "sesame" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["run", "check"])
def test_listen_by_name(command, tmp_path):
    file = tmp_path / "kstatsd.yaml"
    file.write_text("outputs:\n  prometheus:\n    listen: localhost:9102\n")
    done = kstatsd(command, "-c", str(file))
    assert done.returncode == 2 and f"{file}:3: outputs.prometheus.listen: 'localhost:9102'" in done.stderr, done.stderr


def test_bad_file_names_line_and_key(tmp_path):
    file = tmp_path / "kstatsd.yaml"
    file.write_text("flush:\n  interval: 1s\ncapture:\n  statsd:\n    prots: [8125]\n")
    done = kstatsd("run", "-c", str(file))
    assert done.returncode == 2
    assert str(file) in done.stderr and "capture.statsd.prots" in done.stderr
    assert re.search(r"\b5\b", done.stderr), "the line's number"


def test_missing_file(tmp_path):
    done = kstatsd("run", "-c", str(tmp_path / "none.yaml"))
    assert done.returncode == 2 and "none.yaml" in done.stderr


def test_environment_in_file(tmp_path, hook, start):
    port = free_port()
    file = tmp_path / "kstatsd.yaml"
    file.write_text("capture: {statsd: {ports: [${KSTATSD_TEST_PORT}]}}\n"
                    "timers: {percentiles: [${KSTATSD_TEST_UNSET:-75}]}\n")
    done = kstatsd("check", "-c", str(file), env={**os.environ, "KSTATSD_TEST_PORT": str(port)})
    assert done.returncode == 0, done.stderr
    assert kstatsd("check", "-c", str(file)).returncode == 2, "a variable without a value and a default is an error"


def test_check_explains_hooks():
    done = kstatsd("check")
    states = hooks.parse_hooks(done.stdout)
    assert set(states) == set(hooks.NAMES), done.stdout
    assert list(states.values()).count("chosen") == 1, done.stdout
    assert done.returncode == 0
    assert "verifier" not in done.stdout.lower() and "processed" not in done.stdout, "no verifier log unless asked"


def test_a_hook_that_is_not_usable_is_one_clear_message(tmp_path):
    states = hooks.parse_hooks(kstatsd("check").stdout)
    refused = [name for name, state in states.items() if state == "unusable"]
    if not refused:
        pytest.skip("this kernel has every hook")
    one = Daemon(tmp_path, hook=refused[0])
    one.launch()
    assert one.process.wait(20) == 1
    assert refused[0] in one.log() and len(one.log().splitlines()) <= 5, one.log()


def test_ordinary_user(tmp_path):
    """Says which privilege is missing."""
    tmp_path.chmod(0o777)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    done = kstatsd("run", "-s", f"runtime_dir={tmp_path}/run", prefix=nobody, cwd="/")
    assert done.returncode == 1, done.stderr
    assert "CAP_BPF" in done.stderr or "root" in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) <= 5, done.stderr
    check = kstatsd("check", prefix=nobody, cwd="/")
    assert "CAP_BPF" in check.stdout + check.stderr or "root" in check.stdout + check.stderr


@pytest.mark.parametrize("text", [None, "mappings: [{match: a}]"])
def test_run_with_a_bad_mapping(text, tmp_path, hook):
    file = tmp_path / "mapping.yml"
    if text:
        file.write_text(text)
    one = Daemon(tmp_path, f"mapping={file}", hook=hook)
    one.launch()
    assert one.process.wait(20) == 2
    assert str(file) in one.log() and len(one.log().splitlines()) == 1, one.log()


@pytest.mark.parametrize("command", ["status", "flush", "reload"])
def test_no_daemon(command, tmp_path):
    done = kstatsd(command, "-s", f"runtime_dir={tmp_path}/none")
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr and done.stdout == ""


def test_status_prints_the_ledger(start, hook):
    one = start()
    send("sendto", "status:1|c\nbad", "-n", 7, port=one.port)
    one.flush()
    text = one.ask("status").stdout
    for words in ("datagrams.seen", "lines.rejected.value", hook):
        assert words in text, text
    assert re.search(r"datagrams\.seen\s+7\b", text), text
    ledger = {name: int(value) for name, value in re.findall(r"^\s*((?:datagrams|lines)\.[a-z_.]+)\s+(\d+)", text, re.M)}
    assert ledger["lines.rejected.value"] == 7
    assert_ledger_balances(ledger)


def test_flush_is_complete_when_it_returns(start):
    one = start()
    for number in range(20):
        send("sendto", f"flush{number}:1|c", port=one.port)
        assert one.flush().names() == {f"flush{number}"}


def test_counters_start_anew_gauges_stay(start):
    one = start()
    send("sendto", "counter:5|c\ngauge:10|g", port=one.port)
    one.flush()
    send("sendto", "counter:1|c\ngauge:+1|g", port=one.port)
    window = one.flush()
    assert window.last("counter")["count"] == 1
    assert window.last("gauge")["value"] == 11


def rewrite(file, ports, interval="600s", extra=""):
    file.write_text(f"capture: {{statsd: {{ports: {ports}}}}}\nflush: {{interval: {interval}}}\n{extra}")


class FileDaemon(Daemon):
    """Takes ports and interval from a file, as `reload` needs."""

    def arguments(self):
        kept = [setting for setting in self.settings if not setting.startswith(("capture.statsd.ports", "flush."))]
        return ["-c", self.file, *[word for setting in kept for word in ("-s", setting)]]


@pytest.mark.parametrize("how", ["command", "SIGHUP"])
def test_reload(how, tmp_path, hook):
    file = tmp_path / "kstatsd.yaml"
    old, new = free_port(), free_port()
    rewrite(file, [old])
    one = FileDaemon(tmp_path, hook=hook, ports=[old])
    one.file = str(file)
    one.start()
    try:
        send("sendto", "reload:1|c", port=old)
        rewrite(file, [new])
        if how == "command":
            done = one.ask("reload")
            assert done.returncode == 0, done.stderr
        else:
            one.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "reload" in one.log().lower() or "configuration" in one.log().lower(), "the reload")
        send("sendto", "reload:10|c", port=old)
        send("sendto", "reload:100|c", port=new)
        assert one.flush().counter("reload") == 101
        rewrite(file, [new], extra="unknown: 1\n")
        done = one.ask("reload")
        assert done.returncode == 2 and "unknown" in done.stderr, done.stderr
        send("sendto", "reload:1|c", port=new)
        assert one.flush().counter("reload") == 1, "a bad file must leave the daemon as it was"
        one.stop()
    finally:
        one.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_final_flush(number, start):
    one = start()
    send("sendto", "final:3|c", port=one.port)
    assert one.stop(number).counter("final") == 3


@pytest.mark.parametrize("others", [False, True])
def test_ends_with_its_only_reader(others, tmp_path, hook):
    """kstatsd run | head -1"""
    with socket.create_server(("127.0.0.1", 0)) as carbon:
        settings = ['outputs.graphite=[{address: "127.0.0.1:%d"}]' % carbon.getsockname()[1]] if others else []
        one = Daemon(tmp_path, *settings, hook=hook, interval="100ms")
        with open(one.stderr, "ab") as err:
            one.process = subprocess.Popen([KSTATSD, "run", *one.arguments()], stdout=subprocess.PIPE, stderr=err)
        try:
            assert one.process.stdout.readline()
            one.process.stdout.close()
            if others:
                wait_for(lambda: "Broken pipe" in one.log(), "the end of the pipe")
                flushes = json.loads(one.ask("status", "--json").stdout)["flush"]["count"]
                wait_for(lambda: json.loads(one.ask("status", "--json").stdout)["flush"]["count"] > flushes + 3, "flushes")
            else:
                assert one.process.wait(PATIENCE) == 0
            assert one.log().count("Broken pipe") == 1, one.log()
        finally:
            one.kill()


def test_interval_flushes_by_itself(start):
    one = start(interval="200ms")
    send("sendto", "alone:1|c", port=one.port)
    wait_for(lambda: one.window().counter("alone"), "a flush")


def test_aligned_flushes_are_at_whole_intervals(start):
    one = start("flush.align=true", interval="1s")
    seconds = []

    def collect():
        send("sendto", "aligned:1|c", port=one.port)
        seconds.extend(metric["seconds"] for metric in one.window().by_key.get("aligned", []))
        return len(seconds) >= 4
    wait_for(collect, "four flushes")
    assert all(abs(value - 1) < 0.2 for value in seconds[1:]), seconds


def test_second_daemon_in_the_same_runtime_dir(start, tmp_path, hook):
    one = start()
    other = Daemon(tmp_path / "other", f"runtime_dir={one.runtime}", hook=hook)
    os.makedirs(other.folder)
    other.launch()
    try:
        assert other.process.wait(20) == 1
        assert one.runtime in other.log()
    finally:
        other.kill()
    send("sendto", "first:1|c", port=one.port)
    assert one.flush().counter("first") == 1


def test_start_after_a_kill(start, tmp_path, hook):
    """What a killed daemon left in its runtime directory does not stand in the way."""
    one = start()
    one.kill()
    again = Daemon(one.folder, hook=hook, ports=one.ports)
    again.read_to = os.path.getsize(one.stdout)
    again.start()
    try:
        send("sendto", "again:1|c", port=again.port)
        assert again.flush().counter("again") == 1
        again.stop()
    finally:
        again.kill()


def test_data_goes_to_stdout_and_words_to_stderr(start):
    one = start()
    send("sendto", "plain:1|c", port=one.port)
    one.flush()
    assert "plain" not in one.log()


@pytest.mark.parametrize("format_name,pattern", [("graphite", r"^stats\.counters\.seen\.count 3 \d+$"),
                                                 ("table", r"seen\s.*\b3\b")])
def test_other_formats(format_name, pattern, start):
    one = start(f"outputs.stdout.format={format_name}")
    send("sendto", "seen:3|c", port=one.port)
    assert one.ask("flush").returncode == 0
    with open(one.stdout, encoding="utf-8") as file:
        assert re.search(pattern, file.read(), re.M)
    one.kill()
