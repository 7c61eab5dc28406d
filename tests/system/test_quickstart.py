"""The quickstart as a user runs it, on a machine where everything is built already."""

import os
import signal
import socket
import subprocess

import pytest
from harness.daemon import build_directory
from harness.envoy import ROOT
from harness.process import wait_until

SCRIPT = ROOT / "examples" / "quickstart" / "run.sh"
pytestmark = pytest.mark.skipif(build_directory() != ROOT / "build" / "release",
                                reason="the quickstart runs build/release only")


def ports_are_free():
    def taken(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    return not any(taken(port) for port in (10000, 9901, 9002, 9090, 8101, 8103))


@pytest.mark.timeout(600)
def test_once_explains_every_request_and_cleans_up():
    done = subprocess.run([SCRIPT, "--once", "--no-setup"], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=580)
    assert done.returncode == 0, done.stdout + done.stderr
    for n in range(1, 5):
        assert f"inferencectl why quickstart-{n}" in done.stdout
    assert "events, ended by data: [DONE]" in done.stdout
    assert done.stdout.count("HTTP 200") == 4
    assert ports_are_free()


@pytest.mark.timeout(600)
def test_stays_until_ctrl_c_and_says_what_a_port_is_taken_by(tmp_path):
    output = tmp_path / "output"
    with open(output, "w") as file:
        up = subprocess.Popen([SCRIPT, "--no-setup"], stdout=file, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, start_new_session=True,
                              # A run started in the background ignores it, and so would the script.
                              preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    try:
        wait_until(lambda: "It is running" in output.read_text() or up.poll() is not None, "it is up",
                   timeout=500)
        assert up.poll() is None, output.read_text()
        second = subprocess.run([SCRIPT, "--no-setup", "--once"], capture_output=True, text=True,
                                timeout=60)
        assert second.returncode == 1
        assert "port 9002 for inferenced, ext_proc is taken by process" in second.stderr
        assert "inferenced)" in second.stderr
        assert up.poll() is None
    finally:
        os.kill(up.pid, signal.SIGINT)
    assert up.wait(40) == 0, output.read_text()
    assert ports_are_free()
