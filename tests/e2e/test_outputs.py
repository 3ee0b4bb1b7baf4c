# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""What outputs can do beside plain Graphite: protocols, templates, several addresses, TLS, filters, files."""
import gzip
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time

import jsonschema
import pytest

import wavefront
from carbon import Carbon, FakeCarbon, assert_lines_valid
from daemon import ROOT, free_port, send, wait_for

DOCS = os.path.join(ROOT, "docs")


@pytest.fixture
def fakes():
    """fakes(n) gives n imitations of a carbon."""
    made = []

    def make(count, **options):
        new = [FakeCarbon(**options) for _ in range(count)]
        made.extend(new)
        return new

    yield make
    for one in made:
        one.stop()


def outputs(*elements):
    return "outputs.graphite=" + json.dumps(list(elements))


def at(port, **keys):
    return {"address": f"127.0.0.1:{port}", **keys}


def test_protocols_and_templates(tmp_path, start):
    """Debian's carbon gets one flush three times: as text, as pickle, by UDP; tags are folded into the paths."""
    carbon = Carbon(tmp_path / "carbon").start()
    try:
        one = start(outputs(
            at(carbon.port, template="text.{service}.{name}", tags=False),
            at(carbon.pickle, protocol="pickle", template="pickle.{zone}.{name}.{service}", tags=False),
            at(carbon.udp, protocol="udp", template="udp.{name}", missing_tag="nowhere", tags=False)))
        send("sendto", "hits:3|c|#service:shop,zone:eu.1\ndepth:0.1|g|#service:shop", port=one.port)
        for index in range(100):
            send("sendto", f"many{index}:{index}|c", port=one.port)
        one.flush()
        assert carbon.wait_stored("text.shop.stats.counters.hits.count") == [3]
        assert carbon.wait_stored("text.shop.stats.gauges.depth") == [0.1]
        assert carbon.wait_stored("text.none.stats.counters.many7.count") == [7]
        assert carbon.wait_stored("pickle.eu_1.stats.counters.hits.count.shop") == [3]
        assert carbon.wait_stored("pickle.none.stats.gauges.depth.shop") == [0.1]
        assert carbon.wait_stored("pickle.none.stats.counters.many99.count.none") == [99]
        assert carbon.wait_stored("udp.stats.gauges.depth") == [0.1]
        assert carbon.wait_stored("udp.stats.counters.many99.count") == [99]
    finally:
        carbon.stop()


def test_hash_over_two(fakes, start):
    """All fields of a series go to one of them, the same one after a restart with the list turned round."""
    pair = fakes(2)
    names = [f"spread.number{index}" for index in range(100)]
    places = []
    for ports in ([pair[0].port, pair[1].port], [pair[1].port, pair[0].port]):
        for fake in pair:
            fake.lines.clear()
        one = start(outputs({"addresses": [f"127.0.0.1:{port}" for port in ports], "distribution": "hash"}))
        send("sendto", "\n".join(f"{name}:1|c" for name in names[:50]), port=one.port)
        send("sendto", "\n".join(f"{name}:1|c" for name in names[50:]), port=one.port)
        one.flush()
        wanted = {f"stats.counters.{name}.{field}" for name in names for field in ("count", "rate")}
        wait_for(lambda: wanted <= {line.split(" ")[0] for fake in pair for line in list(fake.lines)}, "all series")
        found = [{line.split(" ")[0].rsplit(".", 1)[0] for line in fake.lines if "spread" in line} for fake in pair]
        assert not found[0] & found[1]
        assert min(map(len, found)) > 20
        places.append(found)
        one.stop()
    assert places[0] == places[1]


def test_filters_and_percentiles(fakes, start):
    shop, rest = fakes(2)
    one = start(outputs(at(shop.port, filter={"include": ["shop.*"], "exclude": ["*.secret"]}, percentiles=[50, 99]),
                        at(rest.port, filter={"exclude": ["shop.*"]})), "timers.mode=exact")
    lines = [f"shop.checkout:{value}|ms" for value in range(1, 101)]
    send("sendto", "\n".join(["shop.secret:1|c", "other:1|c", *lines]), port=one.port)
    window = one.flush()
    rest.wait_value("stats.counters.other.count")
    assert shop.wait_value("stats.timers.shop.checkout.upper_99") == [99]
    assert shop.wait_value("stats.timers.shop.checkout.count") == [100]
    names = {line.split(" ")[0] for line in shop.lines}
    assert all(name.startswith("stats.timers.shop.checkout.") for name in names), names
    assert any(name.endswith("upper_50") for name in names)
    assert not any(name.endswith("upper_90") for name in names)
    assert not any(".shop." in line for line in rest.lines)
    # standard output has what timers.percentiles says, though the store computes more
    assert "upper_90" in window.last("shop.checkout") and "upper_99" not in window.last("shop.checkout")


def test_counters_appear_with_what_they_count(fakes, start):
    """One that never counted is not sent; one that did is, also while it does not."""
    fake, = fakes(1)
    one = start(outputs(at(fake.port)))
    name = "sinks.graphite.events_without_place"

    def next_of_it(wanted):
        return wait_for(lambda: (found := one.flush().ledger).get(name) == wanted and found, f"{name} {wanted}")

    first = one.flush()
    assert "lines.lost.series_limit" in first.ledger, "a row of the ledger is"
    wait_for(lambda: "sinks.graphite.lines_sent" in one.flush().ledger, "what was sent")
    assert name not in one.ledger and "sinks.graphite.batches_dropped" not in one.ledger
    send("sendto", "_e{5,4}:title|text", port=one.port)
    next_of_it(1)
    assert "sinks.graphite.batches_dropped" not in next_of_it(0)


def test_global_tags(fakes, start):
    fake, = fakes(1)
    one = start(outputs(at(fake.port)), 'global_tags={env: prod, host: "no de/1", empty: ""}')
    send("sendto", "plain:1|c\nown:1|c|#env:test,a:b\n_e{5,4}:title|text|#x:y", port=one.port)
    send("sendto", "joined:1|c|#env:prod\njoined:2|c", port=one.port)
    window = one.flush()
    assert window.last("plain;env=prod;host=no_de-1")["count"] == 1
    assert window.last("own;a=b;env=test;host=no_de-1")["count"] == 1
    assert window.last("joined;env=prod;host=no_de-1")["count"] == 3, "one series, however it got its tags"
    assert window.events[0]["tags"] == "env=prod;host=no_de-1;x=y"
    assert window.count("lines.seen") == 5
    assert fake.wait_value("stats.counters.kstatsd.lines.seen.count;env=prod;host=no_de-1") == [5]
    assert_lines_valid(fake.lines)


def test_global_tags_by_a_reload(tmp_path, start):
    """Series, and the daemon's own metrics, have the new tags from the next window on; nothing is counted twice."""
    config = tmp_path / "kstatsd.yaml"
    config.write_text("global_tags: {env: one}\n")
    one = start(config=config)
    send("sendto", "tagged:1|c", port=one.port)
    config.write_text("global_tags: {env: two}\n")
    assert one.ask("reload").returncode == 0
    first = one.flush()
    assert first.names() == {"tagged;env=one"}
    send("sendto", "tagged:2|c", port=one.port)
    second = one.flush()
    assert second.names() == {"tagged;env=two"}
    assert second.counter("tagged;env=two") == 2
    assert {metric["tags"] for metric in second.metrics} == {"env=two"}
    assert (first.count("lines.seen"), second.count("lines.seen")) == (1, 1)
    assert one.flush().names() == set()


def certificate(folder, name, issuer=None):
    """A key and a certificate for 127.0.0.1 and carbon.test, in one file; its own issuer, unless another is given."""
    path, key = str(folder / f"{name}.pem"), str(folder / f"{name}.key")
    signed_by = ["-CA", str(folder / f"{issuer}.pem"), "-CAkey", str(folder / f"{issuer}.key")] if issuer else []
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", f"/CN={name}", "-days", "2", "-keyout", key, "-out", path,
                    "-addext", "subjectAltName=IP:127.0.0.1,DNS:carbon.test", *signed_by],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return path, key


class TlsCarbon(FakeCarbon):
    """The same behind TLS; with `clients`, a file of authorities, it wants certificates of who comes."""

    def __init__(self, files, clients=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*files)
        self.names = []
        self.context.sni_callback = lambda _, name, __: self.names.append(name)
        if clients:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(clients)
        super().__init__()

    def read(self, client):
        try:
            super().read(self.context.wrap_socket(client, server_side=True))
        except (ssl.SSLError, OSError):
            client.close()


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pem")
    return {name: certificate(folder, name) for name in ("server", "client", "stranger")}


def test_tls(pem, start):
    """By address and by name; the other side is who it should be, and so are we."""
    fake = TlsCarbon(pem["server"], clients=pem["client"][0])
    try:
        tls = {"enabled": True, "ca_file": pem["server"][0], "cert_file": pem["client"][0],
               "key_file": pem["client"][1]}
        one = start(outputs(at(fake.port, tls=tls)))
        names = [f"sealed.number{index}" for index in range(3000)]
        for begin in range(0, 3000, 200):
            send("sendto", "\n".join(f"{name}:1|c" for name in names[begin:begin + 200]), port=one.port)
        one.flush()
        wait_for(lambda: {f"stats.counters.{name}.count" for name in names} <=
                 {line.split(" ")[0] for line in list(fake.lines)}, "all series, through TLS")
        assert fake.connections == 1
        assert fake.names == [None], "a number is not asked for by name"
        one.stop()
        two = start(outputs(at(fake.port, tls={**tls, "server_name": "carbon.test"})))
        send("sendto", "named:1|c", port=two.port)
        two.flush()
        assert fake.wait_value("stats.counters.named.count") == [1]
        assert fake.names[-1] == "carbon.test"
    finally:
        fake.stop()


@pytest.mark.parametrize("keys, reason", [
    ({}, "certificate verify failed"),
    ({"ca_file": "stranger"}, "certificate verify failed"),
    ({"ca_file": "server", "server_name": "other.test"}, "ostname mismatch"),
])
def test_tls_refuses(pem, start, keys, reason):
    """Who is not who it should be gets nothing, and the log says why."""
    fake = TlsCarbon(pem["server"])
    try:
        keys = {name: pem[value][0] if name == "ca_file" else value for name, value in keys.items()}
        one = start(outputs(at(fake.port, tls={"enabled": True, **keys})))
        send("sendto", "secret:1|c", port=one.port)
        one.flush()
        wait_for(lambda: reason in one.log(), lambda: f"'{reason}' in the log: {one.log()}")
        assert not fake.lines
    finally:
        fake.stop()


def test_tls_insecure(pem, start):
    fake = TlsCarbon(pem["server"])
    try:
        one = start(outputs(at(fake.port, tls={"enabled": True, "insecure": True})))
        send("sendto", "open:1|c", port=one.port)
        one.flush()
        assert fake.wait_value("stats.counters.open.count") == [1]
    finally:
        fake.stop()


def test_tls_client_refused(pem, start):
    """The other side does not take our certificate: nothing counts as delivered."""
    fake = TlsCarbon(pem["server"], clients=pem["stranger"][0])
    try:
        tls = {"enabled": True, "ca_file": pem["server"][0], "cert_file": pem["client"][0],
               "key_file": pem["client"][1]}
        one = start(outputs(at(fake.port, tls=tls)))
        send("sendto", "unwanted:1|c", port=one.port)
        one.flush()
        wait_for(lambda: fake.connections >= 2, "another attempt")
        sink, = [row for row in json.loads(one.ask("status", "--json").stdout)["sinks"] if row["kind"] == "graphite"]
        assert sink["lines_sent"] == 0 and sink["batches_queued"] > 0 and not fake.lines, sink
    finally:
        fake.stop()


class TlsProxy(http.server.ThreadingHTTPServer):
    """Takes POSTs by HTTPS, each by a connection of its own, as who the files say by then."""

    def __init__(self, files):
        self.files, self.posts = files, 0
        super().__init__(("127.0.0.1", 0), self.Answer)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self):  # pylint: disable=invalid-name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            for line in body.decode().splitlines():
                wavefront.record(line)
            self.server.posts += 1
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    def get_request(self):
        client, address = super().get_request()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.files)
        return context.wrap_socket(client, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, *_):
        pass  # who does not trust us hangs up

    def output(self, **tls):
        return "outputs.wavefront=" + json.dumps([{"proxy": f"https://127.0.0.1:{self.server_address[1]}", "tls": tls,
                                                   "source": "here", "retry": {"min": "20ms", "max": "100ms"}}])

    def __exit__(self, *args):
        self.shutdown()
        super().__exit__(*args)


def test_https_certificate_changes(tmp_path, start):
    """A certificate is renewed at its path: the next connection is by the new one."""
    with TlsProxy(certificate(tmp_path, "server")) as proxy:
        one = start(proxy.output(ca_file=proxy.files[0]))
        for _ in range(2):
            before = proxy.posts
            send("sendto", "renewed:1|c", port=one.port)
            one.flush()
            wait_for(lambda: proxy.posts > before, lambda: f"a delivery: {one.log()}")
            certificate(tmp_path, "server")


def test_https_trusts_only_its_authorities(pem, tmp_path, start):
    """With authorities of its own an output does not trust the system's, of which the receiver's is one here."""
    system = tmp_path / "system"
    system.mkdir()
    name = subprocess.run(["openssl", "x509", "-noout", "-hash", "-in", pem["server"][0]], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()
    for path in (system / f"{name}.0", system / "ca-certificates.crt"):
        shutil.copy(pem["server"][0], path)
    prefix = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/ssl/certs && exec "$@"', str(system)]
    with TlsProxy(pem["server"]) as proxy:
        one = start(proxy.output(), command_prefix=prefix)
        send("sendto", "trusted:1|c", port=one.port)
        one.flush()
        wait_for(lambda: proxy.posts, lambda: f"a delivery: {one.log()}")
        one.stop()
        before = proxy.posts
        two = start(proxy.output(ca_file=pem["stranger"][0]), command_prefix=prefix)
        send("sendto", "secret:1|c", port=two.port)
        two.flush()
        wait_for(lambda: "certificate" in two.log(), lambda: f"why it is not trusted: {two.log()}")
        assert proxy.posts == before


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def names_of(path):
    return [line["name"] for line in lines_of(path) if not line["name"].startswith("kstatsd.")]


def test_file(tmp_path, start):
    """Lines are appended; a file that was moved away is left, as after logrotate."""
    path = tmp_path / "out.jsonl"
    one = start(f"outputs.file=[{{path: {path}}}]", "internal_metrics=[]")
    send("sendto", "first:1|c", port=one.port)
    one.flush()
    wait_for(path.exists, "the file")
    wait_for(lambda: names_of(path) == ["first"], "the first line")
    send("sendto", "second:1|c", port=one.port)
    one.flush()
    wait_for(lambda: names_of(path) == ["first", "second"], "the second line")
    os.rename(path, tmp_path / "moved")
    send("sendto", "third:1|c", port=one.port)
    one.flush()
    wait_for(lambda: path.exists() and names_of(path) == ["third"], "a new file")
    assert names_of(tmp_path / "moved") == ["first", "second"]
    send("sendto", "last:1|c", port=one.port)
    one.stop()
    assert names_of(path) == ["third", "last"]
    assert path.stat().st_mode & 0o777 == 0o640


def test_file_rotates(tmp_path, start):
    path = tmp_path / "out.txt"
    one = start(f"outputs.file=[{{path: {path}, format: graphite, max_bytes: 150, keep: 2}}]", "internal_metrics=[]")
    for index in range(10):
        send("sendto", f"rotated.number{index}:{index}|g", port=one.port)
        one.flush()
        wait_for(lambda: path.exists() and f"number{index} " in path.read_text(), f"line {index}")
    files = sorted(name for name in os.listdir(tmp_path) if name.startswith("out.txt"))
    assert files == ["out.txt", "out.txt.1", "out.txt.2"]
    kept = "".join((tmp_path / name).read_text() for name in reversed(files))
    assert [line.split(" ")[1] for line in kept.splitlines()] == [str(index) for index in range(3, 10)]
    assert all((tmp_path / name).stat().st_size <= 150 for name in files)


def test_file_that_cannot_be_written(tmp_path, start):
    """It waits in memory, is counted and said once; when the folder is there, all comes."""
    path = tmp_path / "absent" / "out.jsonl"
    one = start(f"outputs.file=[{{path: {path}}}]")
    for index in range(3):
        send("sendto", f"patient{index}:1|c", port=one.port)
        one.flush()
    wait_for(lambda: "cannot write to" in one.log(), "a warning")
    assert one.log().count("cannot write to") == 1
    os.mkdir(path.parent)
    send("sendto", "patient3:1|c", port=one.port)
    window = one.flush()
    wait_for(lambda: path.exists() and "patient3" in path.read_text(), "the file")
    assert [name for name in names_of(path) if name.startswith("patient")] == [f"patient{n}" for n in range(4)]
    assert window.count("sinks.file.write_errors") >= 1 or one.flush().count("sinks.file.write_errors") >= 1


def test_file_takes_a_large_flush(tmp_path, start):
    """One flush of more than may wait is written all the same."""
    path = tmp_path / "out.jsonl"
    one = start(f"outputs.file=[{{path: {path}, queue: {{memory: 64KiB}}}}]", "internal_metrics=[]")
    for part in range(15):
        send("sendto", "\n".join(f"large.{part}.{index}:1|c" for index in range(100)), port=one.port)
    assert len(one.flush().metrics) == 1500
    wait_for(lambda: path.exists() and path.read_bytes().count(b"\n") == 1500, "the file")
    assert path.stat().st_size > 1 << 16


EVERYTHING = """counted:3|c|@0.5
depth:-4.5|g
page:320|ms|#env:prod
size:20|h
users:ann|s
stamped:7|c|T1700000000
_e{6,11}:deploy|v2 is \\nout|h:web1|k:group|p:low|s:git|t:info|#env:prod
_sc|db.up|2|h:db1|m:timed out
"""


@pytest.mark.parametrize("settings", [
    [], ["names.field_names=telegraf"], ["timers.percentiles=[]", "timers.calculated_timer_metrics=[count]"],
    ["timers.percentiles=[99.9, -10]", 'timers.histogram=[{metric: "", bins: [10, 20.5, inf]}]', "delete_idle=false"],
])
def test_json_lines_are_as_their_schema_says(start, settings):
    """Every line, of every type; and the schema is not one that anything fits."""
    with open(os.path.join(DOCS, "json.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    validator = jsonschema.Draft7Validator(schema)
    validator.check_schema(schema)
    one = start(*settings)
    send("sendto", EVERYTHING, port=one.port)
    windows = [one.flush(), one.flush()]
    lines = [line for window in windows for line in [*window.metrics, *window.events]]
    assert {line["type"] for line in lines} == {"counter", "gauge", "timer", "set", "event", "service_check"}
    for line in lines:
        validator.validate(line)
        for key in line:
            if not validator.is_valid({name: value for name, value in line.items() if name != key}):
                break
        else:
            pytest.fail(f"no key of {line} is needed")
        assert not validator.is_valid({**line, "unheard": 1}), line


def test_leaves_at_once_when_all_is_on_disk(start):
    """Carbon is away: the daemon does not wait for it, says what it leaves behind, and the next one brings it."""
    port = free_port(socket.SOCK_STREAM)
    one = start(outputs(at(port)), "shutdown_timeout=60s")
    send("sendto", "kept:5|c", port=one.port)
    began = time.monotonic()
    one.stop()
    assert time.monotonic() - began < 10
    assert "undelivered that wait in" in one.log(), one.log()
    late = FakeCarbon(port)
    try:
        one.start()
        assert late.wait_value("stats.counters.kept.count") == [5]
        wait_for(lambda: not json.loads(one.ask("status", "--json").stdout)["sinks"][-1]["bytes_spooled"], "the spool")
    finally:
        late.stop()
