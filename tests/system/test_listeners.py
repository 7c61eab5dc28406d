"""The ways in which Envoy reaches the daemon: TLS, Unix socket, IPv6, and several at once."""

import subprocess

import grpc
import pytest
from harness import envoy
from harness.daemon import Daemon
from harness.openai import CHAT, JSON, chat
from harness.process import free_port, http_get, wait_until
from harness.simulator import Simulator

_TLS_CONTEXT = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
NAME = "picker.test"


def openssl(directory, *arguments):
    done = subprocess.run(["openssl", *arguments], cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """ca.pem, a certificate of it (picker.pem, picker.key), and other-ca.pem that didn't sign it."""
    folder = tmp_path_factory.mktemp("certificates")
    for ca in ("ca", "other-ca"):
        openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "2", "-subj", f"/CN={ca}", "-keyout", f"{ca}.key", "-out", f"{ca}.pem")
    openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={NAME}",
            "-keyout", "picker.key", "-out", "picker.csr")
    (folder / "names").write_text(f"subjectAltName=DNS:{NAME}\n")
    openssl(folder, "x509", "-req", "-in", "picker.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "picker.pem")
    return folder


def over_tls(ca=None):
    """An edit that makes Envoy speak TLS to the picker and, with a CA's file, verify it."""
    def edit(bootstrap):
        context = {"alpn_protocols": ["h2"]}
        if ca:
            context["validation_context"] = {
                "trusted_ca": {"filename": str(ca)},
                "match_typed_subject_alt_names": [
                    {"san_type": "DNS", "matcher": {"exact": NAME}}]}
        envoy.cluster(bootstrap, "picker")["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {"@type": _TLS_CONTEXT, "sni": NAME, "common_tls_context": context}}
    return edit


def files(certificates):
    return {"mode": "files", "certFile": str(certificates / "picker.pem"),
            "keyFile": str(certificates / "picker.key")}


def assert_serves(stack):
    """Plain and streamed, small and large, HTTP/1.1 and HTTP/2."""
    for version in ("1.1", "2"):
        body = chat("x" * 300_000)
        response, seen = stack.send(version, "POST", CHAT, JSON, body=body)
        assert response.status == 200
        assert [s.length for s in seen] == [len(body)]
        response, _ = stack.send(version, "POST", CHAT, {**JSON, "x-test-tokens": "50"},
                                 body=chat(stream=True))
        assert response.text.count("data: ") == 52
        assert response.text.endswith("data: [DONE]\n\n")


def test_tls_with_a_self_signed_certificate(make_stack):
    address = f"127.0.0.1:{free_port()}"
    stack = make_stack(config={"listeners": [{"address": address, "tls": {"mode": "selfSigned"}}]},
                       picker_address=address, edit=over_tls())
    assert_serves(stack)
    assert stack.envoy.stats("cluster.picker.ssl.")["cluster.picker.ssl.handshake"] > 0


def test_tls_with_a_certificate_that_envoy_verifies(make_stack, certificates):
    address = f"127.0.0.1:{free_port()}"
    stack = make_stack(config={"listeners": [{"address": address, "tls": files(certificates)}]},
                       picker_address=address, edit=over_tls(certificates / "ca.pem"))
    assert_serves(stack)
    assert stack.envoy.stats("cluster.picker.ssl.")["cluster.picker.ssl.handshake"] > 0
    # Whoever trusts only another CA doesn't talk to it.
    folder = stack.directory / "other-ca"
    folder.mkdir()
    wary = envoy.Envoy("full-duplex", folder, address, [], over_tls(certificates / "other-ca.pem"))
    try:
        wary.process.wait_until(
            lambda: wary.stats("cluster.picker.ssl.").get("cluster.picker.ssl.fail_verify_error"),
            "the certificate is refused")
        wary.wait_for_picker(healthy=False)
    finally:
        wary.stop()


def test_plain_text_to_a_tls_listener_harms_nobody(make_stack):
    address = f"127.0.0.1:{free_port()}"
    stack = make_stack(config={"listeners": [{"address": address, "tls": {"mode": "selfSigned"}}]},
                       picker_address=address, edit=over_tls())
    folder = stack.directory / "plain"
    folder.mkdir()
    plain = envoy.Envoy("full-duplex", folder, address, [])
    try:
        wait_until(lambda: plain.stats("cluster.picker.").get(
            "cluster.picker.health_check.failure", 0) >= 2, "the plain Envoy fails its checks")
        plain.wait_for_picker(healthy=False)
        assert_serves(stack)
    finally:
        plain.stop()


@pytest.mark.parametrize("bootstrap", envoy.NAMES)
def test_unix_socket(make_stack, tmp_path_factory, bootstrap):
    address = f"unix://{tmp_path_factory.mktemp('uds')}/extproc.sock"
    stack = make_stack(bootstrap, config={"listeners": [{"address": address}]}, picker_address=address)
    assert_serves(stack)


@pytest.mark.parametrize("bootstrap", envoy.NAMES)
def test_ipv6_from_end_to_end(make_stack, tmp_path, bootstrap):
    address = f"[::1]:{free_port()}"
    simulator = Simulator(tmp_path / "simulator", 2, ("--address", "::1", "--model", "m",
                                                      "--time-scale", "0.01"))
    try:
        assert all(e.startswith("[::1]:") for e in simulator.endpoints.values())
        stack = make_stack(bootstrap, endpoints=simulator.endpoints, picker_address=address, config={
            "listeners": [{"address": address}], "health": {"address": f"[::1]:{free_port()}"}})
        served = set()
        for n in range(12):
            response = stack.request("1.1", "POST", CHAT, headers=JSON, body=chat(f"{n}" * 99))
            assert response.status == 200
            served.add(response.headers["x-inferencesim-instance"])
            response = stack.request("2", "POST", CHAT, headers=JSON,
                                     body=chat(f"{n}", stream=True, max_tokens=5))
            assert response.text.endswith("data: [DONE]\n\n")
            served.add(response.headers["x-inferencesim-instance"])
        assert served == set(simulator.endpoints)
        listed = stack.daemon.listed()
        # Scraped over IPv6 too, not only picked.
        assert {e["state"] for e in listed.values()} == {"Ready"}, listed
    finally:
        simulator.stop()


def test_several_listeners_at_once(make_stack, tmp_path_factory, certificates):
    unix = f"unix://{tmp_path_factory.mktemp('uds')}/extproc.sock"
    plain, ipv6, tls = f"127.0.0.1:{free_port()}", f"[::1]:{free_port()}", f"127.0.0.1:{free_port()}"
    stack = make_stack(picker_address=plain, config={"listeners": [
        {"address": plain}, {"address": ipv6}, {"address": unix},
        {"address": tls, "tls": files(certificates)}]})
    assert_serves(stack)
    direct, served = stack.envoy, stack.daemon.ctl_json("status")["item"]["totals"]["streamsOpened"]
    for n, (address, edit) in enumerate([(unix, None), (ipv6, None),
                                         (tls, over_tls(certificates / "ca.pem"))]):
        folder = stack.directory / f"envoy-{n}"
        folder.mkdir()
        stack.envoy = envoy.Envoy("full-duplex", folder, address, [], edit)
        try:
            stack.envoy.wait_for_picker()
            assert_serves(stack)
            now = stack.daemon.ctl_json("status")["item"]["totals"]["streamsOpened"]
            assert now >= served + 4
            served = now
        finally:
            stack.envoy.stop()
            stack.envoy = direct




def is_serving(address):
    with grpc.insecure_channel(address.replace("unix://", "unix:")) as channel:
        return channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=5) == b"\x08\x01"


@pytest.mark.parametrize("host, reached_at", [
    ("127.0.0.1", ["127.0.0.1"]), ("[::1]", ["[::1]"]), ("", ["127.0.0.1", "[::1]"])],
    ids=["ipv4", "ipv6", "no-host"])
def test_every_server_by_the_hosts_of_its_address(tmp_path, host, reached_at):
    ext_proc, health, http = free_port(), free_port(), free_port()
    daemon = Daemon(tmp_path, {"a": "127.0.0.1:1"}, wait=False, config={
        "listeners": [{"address": f"{host}:{ext_proc}"}], "health": {"address": f"{host}:{health}"},
        "http": {"address": f"{host}:{http}"}})
    try:
        daemon.process.wait_until(lambda: "is ready" in daemon.process.tail(), "says that it is ready")
        for reached in ("127.0.0.1", "[::1]"):
            if reached in reached_at:
                assert is_serving(f"{reached}:{ext_proc}")
                assert is_serving(f"{reached}:{health}")
                assert http_get(f"http://{reached}:{http}/readyz") == (200, "ok\n")
            else:
                for port in (ext_proc, health):
                    with pytest.raises(grpc.RpcError, match="UNAVAILABLE"):
                        is_serving(f"{reached}:{port}")
                assert http_get(f"http://{reached}:{http}/readyz")[0] == 0
        assert daemon.ctl_json("status")
    finally:
        daemon.stop()


def test_unix_sockets_for_what_can_have_them(tmp_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uds")
    ext_proc, health = f"unix://{folder}/extproc.sock", f"unix://{folder}/health.sock"
    daemon = Daemon(tmp_path, {"a": "127.0.0.1:1"}, config={
        "listeners": [{"address": ext_proc}], "health": {"address": health}})
    try:
        assert is_serving(ext_proc)
        assert is_serving(health)
        assert daemon.ctl_json("status")
    finally:
        daemon.stop()
    assert not list(folder.iterdir())  # nothing is left lying about


@pytest.mark.parametrize("server, address, told", [
    ("http", "unix:///tmp/http.sock", "http.address"), ("admin", "[::1]:9004", "admin.address")])
def test_address_of_a_kind_that_a_server_has_not(tmp_path, server, address, told):
    daemon = Daemon(tmp_path, {"a": "127.0.0.1:1"}, wait=False, config={server: {"address": address}})
    try:
        assert daemon.process.child.wait(20) == 1
        assert told in daemon.process.tail()
    finally:
        daemon.process.kill()
