"""Certificates that change while the daemon runs, as cert-manager and certbot change them."""

import socket
import ssl
import subprocess

import pytest
from harness.daemon import Daemon
from harness.process import free_port, wait_until


def make_pair(folder, name):
    folder.mkdir(parents=True)
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", f"/CN={name}", "-days", "30", "-keyout", "tls.key", "-out", "tls.crt"],
        cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def expose(mount, folder):
    """The pair behind a link that is exchanged, as Kubernetes mounts a Secret."""
    fresh = mount / "..data_tmp"
    fresh.symlink_to(folder)
    fresh.rename(mount / "..data")


def presented(port):
    """The name in the certificate that a new connection gets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
        with context.wrap_socket(raw) as wrapped:
            der = wrapped.getpeercert(binary_form=True)
    text = subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-subject"], input=der,
                          capture_output=True, check=True).stdout.decode()
    return text.strip().replace(" ", "").removeprefix("subject=CN=")


class TlsDaemon(Daemon):
    def __init__(self, folder):
        self.pairs, self.mount = folder / "pairs", folder / "mount"
        self.mount.mkdir(parents=True)
        make_pair(self.pairs / "one", "one")
        expose(self.mount, self.pairs / "one")
        for name in ("tls.crt", "tls.key"):
            (self.mount / name).symlink_to(f"..data/{name}")
        self.tls_port = free_port()
        tls = {"mode": "files", "certFile": str(self.mount / "tls.crt"),
               "keyFile": str(self.mount / "tls.key")}
        super().__init__(folder, {"gpu-1": "127.0.0.1:9"}, config={
            "listeners": [{"address": f"127.0.0.1:{self.tls_port}", "tls": tls}]})

    def sample(self, name):
        [(labels, value)] = self.metrics()[name]
        assert labels == {"address": f"127.0.0.1:{self.tls_port}"}
        return value


@pytest.fixture
def daemon(tmp_path):
    made = TlsDaemon(tmp_path)
    yield made
    made.stop()


def test_new_connections_get_the_new_certificate(daemon):
    assert presented(daemon.tls_port) == "one"
    expiry = daemon.sample("inferenced_tls_certificate_expiry_timestamp_seconds")
    assert expiry > 1.7e9
    make_pair(daemon.pairs / "two", "two")
    expose(daemon.mount, daemon.pairs / "two")
    wait_until(lambda: presented(daemon.tls_port) == "two", "the new certificate is in use")
    assert daemon.sample("inferenced_tls_reloads_total") == 1
    assert daemon.sample("inferenced_tls_certificate_expiry_timestamp_seconds") >= expiry
    assert "new connections get the new certificate" in daemon.process.tail()


def test_a_bad_pair_keeps_the_old_one_and_is_told_once(daemon):
    make_pair(daemon.pairs / "two", "two")
    make_pair(daemon.pairs / "three", "three")
    (daemon.pairs / "two" / "tls.key").write_bytes((daemon.pairs / "three" / "tls.key").read_bytes())
    expose(daemon.mount, daemon.pairs / "two")
    wait_until(lambda: daemon.sample("inferenced_tls_refused_total") == 1, "it is refused")
    assert presented(daemon.tls_port) == "one"
    log = daemon.process.tail()
    assert log.count("the certificate before it stays in use") == 1, log
    assert str(daemon.mount / "tls.key") in log
    expose(daemon.mount, daemon.pairs / "three")
    wait_until(lambda: presented(daemon.tls_port) == "three", "the good pair is in use")
    assert daemon.sample("inferenced_tls_refused_total") == 1
