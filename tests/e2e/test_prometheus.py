# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Outputs to Prometheus: /metrics in each format, totals that outlive the daemon, limits; and Prometheus itself."""
import fcntl
import http.client
import os
import random
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import time
import warnings

import pytest

from daemon import free_port, send, wait_for
from prometheus import OPENMETRICS, PROTOBUF, TEXT, Prometheus, assert_readable, assert_strict, get, samples


SAMPLES = 20000


@pytest.fixture
def serve(start, tmp_path):
    """serve("timers: summary", ...) gives a Daemon with `web`, the port of its metrics."""
    def serve_one(*keys, settings=(), port=None, **options):
        port = port or free_port(socket.SOCK_STREAM)
        section = ", ".join([f'listen: "127.0.0.1:{port}"', *keys])
        one = start(f"outputs.prometheus={{{section}}}", f"state_dir={tmp_path}/state", *settings, **options)
        one.web = port
        return one

    return serve_one


def flushed(one, lines):
    """Sends, flushes, and gives what is shown then."""
    send("sendto", lines, port=one.port)
    before = flushes(samples(get(one.web).text))
    one.flush()
    return wait_for(lambda: flushes(shown := samples(get(one.web).text)) > before and shown, "the flush to be shown")


def flushes(shown):
    return shown.get("kstatsd_daemon_flushes", shown.get("kstatsd_daemon_flushes_total", 0))


EVERYTHING = ("shop.orders:3|c|#env:prod\nshop.orders:2|c|#env:prod\nweb-1.hits--x:1|c\nqueue:7.5|g\nusers:a|s\nusers:b|s\n"
              "checkout:5|ms\ncheckout:250|ms\nsize:2000|h\n")


def test_text(serve):
    one = serve()
    shown = flushed(one, EVERYTHING)
    assert shown['shop_orders{env="prod"}'] == 5
    assert shown["web_1_hits_x"] == 1
    assert shown["queue"] == 7.5
    assert shown["users"] == 2
    assert [shown[f'checkout_bucket{{le="{bound}"}}'] for bound in ("0.005", "0.1", "0.25", "+Inf")] == [1, 1, 2, 2]
    assert shown["checkout_sum"] == pytest.approx(0.255) and shown["checkout_count"] == 2
    assert shown['size_bucket{le="10"}'] == 0 and shown["size_sum"] == 2000
    shown = flushed(one, "shop.orders:10|c|#env:prod\nqueue:-1|g\ncheckout:1|ms")
    assert shown['shop_orders{env="prod"}'] == 15 and shown["queue"] == 6.5 and shown["checkout_count"] == 3
    assert shown["users"] == 0, "of the last window"
    answer = get(one.web)
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert_readable(answer.text)


def test_formats(serve):
    one = serve()
    flushed(one, EVERYTHING + "req_total:4|c")
    plain, wanted = get(one.web), samples(get(one.web).text)
    for accept, kind in ((TEXT, "text/plain"), (OPENMETRICS, "application/openmetrics-text"), (PROTOBUF, "application/vnd")):
        whole = get(one.web, headers={"Accept": accept})
        assert whole.headers["Content-Type"].startswith(kind)
        zipped = get(one.web, headers={"Accept": accept, "Accept-Encoding": "gzip"})
        assert zipped.headers["Content-Encoding"] == "gzip" and len(zipped.body) < len(whole.body)
        head = get(one.web, headers={"Accept": accept}, method="HEAD")
        assert not head.body and int(head.headers["Content-Length"]) == len(whole.body)
        if accept != PROTOBUF:
            assert zipped.text == whole.text
    openmetrics = get(one.web, headers={"Accept": OPENMETRICS}).text
    assert openmetrics.endswith("# EOF\n")
    assert "# TYPE req counter\nreq_total 4\n" in openmetrics and "# TYPE shop_orders unknown\n" in openmetrics
    assert {name.replace('.0"', '"'): value for name, value in samples(openmetrics).items()} == wanted
    assert "# TYPE req_total counter\n" in plain.text
    assert b"checkout" in get(one.web, headers={"Accept": PROTOBUF}).body


HOSTILE = ("neg:-5|h\nneg:1|h\nmixed:-1|h\nmixed:7|h\nsum:1|ms\nsum_created:1|g\nsum.bucket_total:1|c\nneg.sum_total:1|c\n"
           "b_total:1|c\nb_created:1|g\nc_total:1|c\nc_created_total:1|c\nc_created_created_total:1|c\nd_total:1|c\nd:1|g\n"
           "e_total:1|ms\ne:1|c\nf_created:1|ms\nf_total:1|c\n_total:1|c\ntotal:1|c\n_info:1|g\ng_info:1|c\n_created:1|c\n"
           "part:1|ms|@0.3\npart:2|ms|@0.7\nbounds:3|h\nlow:-1e-300|h\nhuge:1e300|h\nhuge:1e300|c\n9:1|c\n-:1|c\n"
           "l:1|c|#le:5,quantile:6,__name__:x,9:1,a-b:1\nl2:1|ms|#le:5,quantile:6,__name__:x,k:a=b\n"
           'q:1|c|#k:"quoted",k2:back\\slash,k3:{braces},k4:a=b\nfine_total:1|c\n')


@pytest.mark.parametrize("keys", [[], ["timers: summary"], ["total_suffix: true"]], ids=["histogram", "summary", "suffix"])
def test_strict_reader(keys, serve, tmp_path):
    """No name and no value makes a page that a strict reader of OpenMetrics refuses as a whole."""
    mapping = tmp_path / "mapping.yml"
    mapping.write_text("mappings:\n- {match: bounds, name: bounds, observer_type: histogram, histogram_options: {buckets: [-1, 0, 2]},"
                       ' help: "A \\\\ \\"help\\"\\nof two lines"}\n')
    one = serve(*keys, settings=["timers.weighted=true", f"mapping={mapping}"])
    plain = flushed(one, HOSTILE + EVERYTHING)
    text = get(one.web, headers={"Accept": OPENMETRICS}).text
    assert_strict(text)
    assert_readable(get(one.web).text)
    strict = samples(text)
    assert plain["neg_sum"] == -4 and "neg_sum" not in strict and plain["mixed_sum"] == 6 and "mixed_sum" not in strict
    assert plain["part_count"] == pytest.approx(1 / 0.3 + 1 / 0.7) and strict["part_count"] == 5
    assert "# TYPE fine counter\nfine_total 1\n" in text
    missing = {name for name in plain if name not in strict and 'le="' not in name}
    assert {re.sub(r"\W.*", "", name) for name in missing} <= {"neg", "mixed", "low", "bounds_sum", "bounds_count", *(
        f"{name}_{part}" for name in ("neg", "mixed", "low") for part in ("sum", "count"))}, missing


def test_pages(serve):
    one = serve("path: /stats/all")
    assert get(one.web, "/-/healthy").status == 200
    wait_for(lambda: get(one.web, "/-/ready").status == 200, "readiness")
    assert "/stats/all" in get(one.web, "/").text
    assert get(one.web, "/stats/all?x=y").status == 200
    for path in ("/metrics", "/stats/all/", "//", "/-/other", "/%2e%2e/etc/passwd"):
        assert get(one.web, path).status == 404, path
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = get(one.web, "/stats/all", method=method)
        assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_totals_outlive_the_daemon(number, serve):
    one = serve("timers: summary")
    flushed(one, "c:3|c\nt:20|ms\ng:1|g")
    shown = flushed(one, "c:4|c\nt:40|ms|#k:v")
    one.process.send_signal(number)
    one.process.wait(20)
    one.process = None
    one.window()  # what it wrote last is not the next one's
    one.start()
    again = wait_for(lambda: get(one.web, "/-/ready").status == 200 and samples(get(one.web).text), "readiness")
    assert {name: value for name, value in again.items() if name.startswith(("c", "t_"))} \
        == {name: value for name, value in shown.items() if name.startswith(("c", "t_"))}
    assert "g" not in again, "gauges begin anew, as in the daemon itself"
    for name, value in shown.items():
        if name.startswith("kstatsd_") and name in again:
            assert again[name] >= value, name
    shown = flushed(one, "c:1|c\nt:20|ms")
    assert shown["c"] == 8 and shown["t_count"] == 2 and shown["t_sum"] == pytest.approx(0.04)


def test_corrupt_file(serve, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "prometheus.db").write_bytes(b"no database" * 1000)
    one = serve()
    assert flushed(one, "c:3|c")["c"] == 3
    assert "corrupt" in one.log() and "prometheus.db" in one.log()
    assert [name for name in os.listdir(tmp_path / "state") if "prometheus.db.corrupt" in name]


def test_no_state(serve, tmp_path):
    (tmp_path / "state").write_text("a file, no directory")
    one = serve()
    assert flushed(one, "c:3|c")["c"] == 3
    assert "begin at zero" in one.log()


def test_disk_full(serve, tmp_path):
    """What cannot be saved is shown nevertheless, counted and said once; and saved when there is room."""
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", state], check=True)
    try:
        one = serve()
        flushed(one, "c:1|c")
        with open(state / "filler", "wb", buffering=0) as filler, pytest.raises(OSError):
            while True:
                filler.write(b"x" * 4096)
        names = "\n".join(f"much.{index}:1|c" for index in range(60))
        for batch in range(60):
            send("sendto", names.replace("much", f"much{batch}"), port=one.port)
        shown = flushed(one, "c:1|c")
        assert shown["c"] == 2 and shown["much59_59"] == 1
        shown = flushed(one, "c:1|c")
        assert shown["c"] == 3 and shown["kstatsd_sinks_prometheus_save_errors"] >= 1
        # Longer than a sentence that repeats is held back.
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            flushed(one, "d:1|c")
        assert one.log().count("cannot save totals") == 1, one.log()
        os.remove(state / "filler")
        shown = flushed(one, "c:1|c")
        one.kill()
        one.window()
        with sqlite3.connect(f"file:{state}/prometheus.db?mode=ro", uri=True) as rows:
            assert rows.execute("SELECT count(*) FROM series").fetchone()[0] > 3600
        rows.close()
        one.start()
        wait_for(lambda: get(one.web, "/-/ready").status == 200, "readiness")
        assert samples(get(one.web).text)["c"] == 4
        assert one.log().count("saved again") == 1, one.log()
        one.stop()
    finally:
        one.kill()
        subprocess.run(["umount", state], check=True)


def test_conflicts(serve):
    one = serve()
    shown = flushed(one, "lat:5|ms\nlat.count:1|c\nx:1|c\nx:2|g\nl:1|ms|#le:4")
    assert shown["lat_count"] == 1 and 'l_count{exported_le="4"}' in shown
    assert one.log().count("is not shown to Prometheus") == 2, one.log()
    shown = flushed(one, "lat.count:1|c")
    assert shown["kstatsd_sinks_prometheus_conflicts"] == 2
    assert one.log().count("is not shown to Prometheus") == 2, one.log()
    assert_readable(get(one.web).text)


def test_token(serve, tmp_path):
    secret = tmp_path / "token"
    secret.write_text("open-sesame\n")
    one = serve(f"token_file: {secret}")
    for headers in ({}, {"Authorization": "Bearer open"}, {"Authorization": "Bearer open-sesame2"}, {"Authorization": "Basic open-sesame"}):
        answer = get(one.web, headers=headers)
        assert answer.status == 401 and answer.headers["WWW-Authenticate"] == "Bearer" and b"kstatsd" not in answer.body
    assert get(one.web, headers={"Authorization": "Bearer open-sesame"}).status == 200
    assert get(one.web, "/-/healthy").status == 200 and get(one.web, "/-/ready").status in (200, 503)
    secret.write_text("another-word\n")
    one.flush()
    assert get(one.web, headers={"Authorization": "Bearer open-sesame"}).status == 401
    assert get(one.web, headers={"Authorization": "bearer another-word"}).status == 200
    assert "sesame" not in one.log() and "another-word" not in one.log()


def certificate(folder, name, authority=None):
    key, cert = folder / f"{name}.key", folder / f"{name}.crt"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
               "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    if authority:
        command += ["-CA", authority[1], "-CAkey", authority[0]]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return key, cert


def test_tls(serve, tmp_path):
    key, cert = certificate(tmp_path, "server")
    ca = certificate(tmp_path, "authority")
    client_key, client_cert = certificate(tmp_path, "client", ca)
    one = serve(f"tls: {{enabled: true, cert_file: {cert}, key_file: {key}, ca_file: {ca[1]}}}")
    context = ssl.create_default_context(cafile=cert)
    with pytest.raises((ssl.SSLError, OSError)):
        get(one.web, tls=context)
    context.load_cert_chain(client_cert, client_key)
    answer = get(one.web, tls=context)
    assert answer.status == 200
    with pytest.raises(OSError):
        get(one.web)
    old = ssl.create_default_context(cafile=cert)
    old.load_cert_chain(client_cert, client_key)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, OSError)):
        get(one.web, tls=old)
    # A certificate that is replaced is used from the next flush on.
    certificate(tmp_path, "server")
    one.flush()
    fresh = ssl.create_default_context(cafile=cert)
    fresh.load_cert_chain(client_cert, client_key)
    assert get(one.web, tls=fresh).status == 200


def sinks(one, name):
    return samples(get(one.web).text).get(f"kstatsd_sinks_prometheus_{name}", 0)


def test_slow_and_many_clients(serve):
    """A byte now and then does not keep a connection, too many are refused, and one that left makes room."""
    one = serve("timeout: 1s", "max_connections: 4")
    slow = [socket.create_connection(("127.0.0.1", one.web)) for _ in range(4)]
    for client in slow:
        client.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
    wait_for(lambda: refused(one.web), "a connection to be refused")
    began = time.monotonic()
    while slow and time.monotonic() - began < 10:
        for client in list(slow):
            client.settimeout(0.05)
            try:
                client.sendall(b"x")
                if not client.recv(1000):
                    slow.remove(client)
            except socket.timeout:
                pass
            except OSError:
                slow.remove(client)
    assert not slow, "a slow client stays"
    wait_for(lambda: not refused(one.web), "room for another client")
    one.flush()
    one.flush()
    assert wait_for(lambda: sinks(one, "connections_timed_out") >= 4 and sinks(one, "connections_refused") >= 1, "the counters")


def refused(port):
    try:
        return get(port, "/-/healthy").status == 503
    except OSError:
        return True


def test_large_requests(serve):
    one = serve()
    for request in (b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Large: " + b"x" * 200000 + b"\r\n\r\n",
                    b"GET /" + b"x" * 200000 + b" HTTP/1.1\r\n\r\n",
                    b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 200000):
        with socket.create_connection(("127.0.0.1", one.web)) as client:
            client.settimeout(10)
            try:
                client.sendall(request)
                assert client.recv(4096)[9:10] in (b"4", b""), request[:20]
            except (BrokenPipeError, ConnectionResetError):
                pass
    assert get(one.web).status == 200


def test_garbage(serve):
    source = random.Random(1)
    one = serve("max_connections: 4", "timeout: 500ms")
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", one.web)) as client:
            client.sendall(source.randbytes(source.randrange(1, 300)) + b"\r\n\r\n")
    assert wait_for(lambda: not refused(one.web), "the daemon to answer")


def test_port_taken(start, serve, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AssertionError) as failure:
            serve(port=port)
        assert f"127.0.0.1:{port}" in str(failure.value) and "outputs.prometheus.listen" in str(failure.value)


def test_reload(start, tmp_path):
    """Another port, other buckets, the same totals; what cannot be is refused, and all stays."""
    first, second = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
    config = tmp_path / "kstatsd.yaml"

    def write(port, more=""):
        config.write_text(f'outputs: {{prometheus: {{listen: "127.0.0.1:{port}"{more}}}}}\n')

    write(first)
    one = start(f"state_dir={tmp_path}/state", config=config)
    one.web = first
    assert flushed(one, "c:3|c\nt:7|ms")["c"] == 3
    write(first, ", buckets: [0.007, 1], total_suffix: true")
    assert one.ask("reload").returncode == 0
    shown = wait_for(lambda: (found := samples(get(first).text)).get("c_total") and found, "the new options")
    assert [name for name in shown if name.startswith("t_bucket")] == ['t_bucket{le="0.007"}', 't_bucket{le="1"}', 't_bucket{le="+Inf"}']
    write(second)
    assert one.ask("reload").returncode == 0
    assert samples(get(second).text)["c"] == 3
    with pytest.raises(OSError):
        get(first)
    with socket.create_server(("127.0.0.1", first)):
        write(first)
        done = one.ask("reload")
        assert done.returncode != 0 and str(first) in done.stderr
        assert samples(get(second).text)["c"] == 3


@pytest.mark.parametrize("back", ["the same", "another"])
def test_reload_away_and_back(back, start, tmp_path):
    """The output goes and comes back before the next flush: nobody is served meanwhile, totals go on and are saved."""
    first = free_port(socket.SOCK_STREAM)
    second = first if back == "the same" else free_port(socket.SOCK_STREAM)
    config = tmp_path / "kstatsd.yaml"

    def write(text):
        config.write_text(f"outputs: {{{text}}}\n")

    def output(port):
        return f'prometheus: {{listen: "127.0.0.1:{port}"}}'

    write(output(first))
    one = start(config=config)
    one.web = first
    flushed(one, "c:3|c")
    kept = http.client.HTTPConnection("127.0.0.1", first, timeout=10)
    kept.request("GET", "/metrics")
    assert kept.getresponse().read()
    write("")
    assert one.ask("reload").returncode == 0
    with pytest.raises(OSError):
        get(first)
    with pytest.raises((OSError, http.client.HTTPException)):
        kept.sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        http.client.HTTPResponse(kept.sock).begin()
    kept.close()
    write(output(second))
    done = one.ask("reload")
    assert done.returncode == 0, done.stderr
    one.web = second
    assert samples(get(second).text)["c"] == 3
    assert flushed(one, "c:4|c")["c"] == 7
    assert "cannot" not in one.log() and "begin at zero" not in one.log(), one.log()
    one.kill()
    one.window()
    one.start()
    wait_for(lambda: get(second, "/-/ready").status == 200, "readiness")
    assert samples(get(second).text)["c"] == 7


def test_reload_to_all_addresses(start, tmp_path):
    """The new address has the old one in it."""
    port = free_port(socket.SOCK_STREAM)
    config = tmp_path / "kstatsd.yaml"
    config.write_text(f'outputs: {{prometheus: {{listen: "127.0.0.1:{port}"}}}}\n')
    one = start(config=config)
    one.web = port
    flushed(one, "c:3|c")
    config.write_text(f'outputs: {{prometheus: {{listen: "0.0.0.0:{port}"}}}}\n')
    done = one.ask("reload")
    assert done.returncode == 0, done.stderr
    assert samples(get(port).text)["c"] == 3
    config.write_text(f'outputs: {{prometheus: {{listen: "192.0.2.1:{port}"}}}}\n')
    assert one.ask("reload").returncode != 0
    assert samples(get(port).text)["c"] == 3, "what was before stays"


def test_file_of_another(serve, tmp_path):
    """Somebody else has the totals: it is said once, and they are taken as soon as they can be had."""
    one = serve()
    flushed(one, "c:3|c\nold:5|c")
    one.kill()
    one.window()
    with open(tmp_path / "state" / "prometheus.db.lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        one.start()
        assert flushed(one, "c:1|c")["c"] == 1
        shown = flushed(one, "c:1|c")
        assert shown["c"] == 2 and shown["kstatsd_sinks_prometheus_save_errors"] >= 1
        assert one.log().count("another daemon uses it") == 1, one.log()
    shown = flushed(one, "c:1|c")
    assert shown["c"] == 3 and shown["old"] == 5, "what was begun anew stays; what was not shown is back"
    assert "saved again" in one.log()
    one.kill()
    one.window()
    one.start()
    wait_for(lambda: get(one.web, "/-/ready").status == 200, "readiness")
    assert {name: samples(get(one.web).text)[name] for name in ("c", "old")} == {"c": 3, "old": 5}


def exact_quantile(values, quantile):
    """The value below which that part lies, as Prometheus ranks them."""
    ordered = sorted(values)
    return ordered[min(int(quantile * len(ordered)), len(ordered) - 1)]


def test_prometheus(serve, tmp_path):
    """
    Real Prometheus, once with native histograms (by protobuf), once without (by OpenMetrics): their quantiles, classic
    buckets, names as they are, and what a counter grows by, also over SIGKILL.
    """
    source = random.Random(7)
    one = serve()
    judge = Prometheus(tmp_path / "native", one.web).start()
    plain = Prometheus(tmp_path / "plain", one.web, native=False)
    try:
        plain.start()
        values = {"lat": [source.lognormvariate(3, 1) for _ in range(SAMPLES)],
                  "bytes": [source.lognormvariate(8, 2) for _ in range(SAMPLES)]}
        for name, kind in (("lat", "ms"), ("bytes", "h")):
            for at in range(0, SAMPLES, 50):
                sent(one.port, "\n".join(f"{name}:{value:.6f}|{kind}" for value in values[name][at:at + 50]))
        flushed(one, EVERYTHING + "grown:5|c\nbad--name.x-y:1|c|#a.b:1,__c:2")
        judge.wait_value("histogram_count(bytes)", lambda count: count == SAMPLES)
        for name, scale in (("lat", 1000), ("bytes", 1)):
            for quantile in (0.5, 0.9, 0.99):
                got = judge.wait_value(f"histogram_quantile({quantile}, {name})", lambda value: value > 0)
                exact = exact_quantile(values[name], quantile) / scale
                assert got == pytest.approx(exact, rel=0.006), (name, quantile)
            assert judge.wait_value(f"histogram_sum({name})", bool) == pytest.approx(sum(values[name]) / scale, rel=1e-6)
        assert plain.wait_value('checkout_bucket{le="0.1"}', lambda value: value == 1)
        assert plain.query('shop_orders{env="prod"}') == {(("env", "prod"),): 5}
        assert plain.query("bad_name_x_y") == {(("a_b", "1"), ("exported___c", "2")): 1}
        assert plain.query("lat_count") == {(): SAMPLES}
        one.kill()
        one.window()  # what it wrote last is not the next one's
        one.start()
        flushed(one, "grown:2|c")
        judge.wait_value("grown", lambda value: value == 7)
        flushed(one, "grown:3|c")
        judge.wait_value("grown", lambda value: value == 10)
        assert judge.query("resets(grown[1m])") == {(): 0}
        assert judge.query("max_over_time(grown[1m]) - min_over_time(grown[1m])") == {(): 5}
        for server in (judge, plain):
            assert server.target_state()["health"] == "up", server.target_state()
    finally:
        judge.stop()
        plain.stop()


def sent(port, lines):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(lines.encode(), ("127.0.0.1", port))
