"""inferenced under test, and the reference picker that can stand in its place."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

import yaml

from .envoy import ROOT
from .process import Process, free_port, http_get
from .service_manager import activated

POOL = "llm/chat"


def build_directory():
    return pathlib.Path(os.environ.get("INFERENCE_BUILD_DIR", ROOT / "build" / "release")).resolve()


def program(name):
    """Of the build; INFERENCE_CTL names another inferencectl, such as a package's."""
    if name == "inferencectl" and "INFERENCE_CTL" in os.environ:
        return pathlib.Path(os.environ["INFERENCE_CTL"]).resolve()
    path = build_directory() / "cmd" / name / name
    assert path.exists(), (
        f"{path} is not built: cmake --preset release && cmake --build --preset release, or set "
        "INFERENCE_BUILD_DIR")
    return path


def pool_manifest(name="chat", namespace="llm", app="vllm"):
    return {
        "apiVersion": "inference.networking.k8s.io/v1",
        "kind": "InferencePool",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": app}},
                 "targetPorts": [{"number": 8000}],
                 "endpointPickerRef": {"name": "inferenced", "port": {"number": 9002}}},
    }


def endpoints_manifest(endpoints, name="servers", namespace="llm", app="vllm"):
    """`endpoints` maps a name to "address:port"."""
    entries = []
    for endpoint, address in endpoints.items():
        host, _, port = address.rpartition(":")
        entries.append({"name": endpoint, "address": host.strip("[]"), "ports": [int(port)]})
    return {
        "apiVersion": "inferenced.dev/v1alpha1",
        "kind": "EndpointSet",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": app}},
        "spec": {"endpoints": entries},
    }


def write_manifests(path, *documents):
    """Replaces the file as an editor does: a new one renamed over it."""
    fresh = path.with_suffix(".new")
    fresh.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    fresh.rename(path)


class Daemon:
    """A running inferenced with one pool, llm/chat, of the given endpoints {name: "host:port"}.

    `sockets` {name: listening socket} are passed to it as a service manager does.
    With `take_over`, another one, it starts beside that one on all the same addresses: that is how a
    restart is rehearsed.
    """

    def __init__(self, directory, endpoints, config=None, port=None, take_over=None,
                 name="inferenced", wait=True, binary=None, sockets=None, env=None):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory, self.name = directory, name
        self.port = take_over.port if take_over else port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.http_port = take_over.http_port if take_over else free_port()
        self.http = f"http://127.0.0.1:{self.http_port}"
        self.health_port = take_over.health_port if take_over else free_port()
        # A socket's path has at most 107 bytes; the names of tests are longer.
        self._sockets = (take_over._sockets if take_over
                         else tempfile.TemporaryDirectory(prefix="inferenced-"))
        self.admin = f"unix://{self._sockets.name}/admin.sock"
        self.state = take_over.state if take_over else directory / "state.db"
        self.manifests = directory / "manifests.d"
        self.manifests.mkdir(exist_ok=True)
        write_manifests(self.manifests / "pool.yaml", pool_manifest())
        self.set_endpoints(endpoints)
        self.config = directory / "inferenced.yaml"
        document = {
            "apiVersion": "inferenced.dev/v1alpha1",
            "kind": "DaemonConfig",
            "listeners": [{"address": self.address, "tls": {"mode": "none"}}],
            "health": {"address": f"127.0.0.1:{self.health_port}"},
            "http": {"address": f"127.0.0.1:{self.http_port}"},
            "admin": {"address": self.admin},
            "stateFile": str(self.state),
            "manifests": ["manifests.d"],
        }
        document.update(config or {})
        self.config.write_text(yaml.safe_dump(document, sort_keys=False))
        arguments = ["--take-over"] if take_over else []
        self._sockets_given, self._env = sockets, env
        self.process = self._start([binary or program("inferenced"), "--config", self.config, *arguments])
        if take_over:
            # Its predecessor may answer on the HTTP address.
            self.process.wait_until(lambda: "is ready" in self.process.tail(), "says that it is ready")
        elif wait:
            self.wait_ready()

    def _start(self, command):
        fds = ()
        if self._sockets_given:
            command, fds = activated(self._sockets_given, command)
        return Process(self.name, command, self.directory / f"{self.name}.log", env=self._env, pass_fds=fds)

    def wait_ready(self):
        self.process.wait_until(lambda: http_get(f"{self.http}/readyz")[0] == 200, "is ready")

    def set_endpoints(self, endpoints):
        write_manifests(self.manifests / "endpoints.yaml", endpoints_manifest(endpoints))

    def ctl(self, *arguments, expect=0):
        """inferencectl against this daemon; its stdout. Fails on another exit code than expected."""
        done = subprocess.run(
            [program("inferencectl"), "--server", self.admin, *arguments], text=True,
            capture_output=True, timeout=30)
        assert done.returncode == expect, (
            f"inferencectl {' '.join(arguments)}: exit {done.returncode}\n"
            f"{done.stdout}{done.stderr}\n{self.process.tail()}")
        return done.stdout

    def ctl_json(self, *arguments, expect=0):
        return json.loads(self.ctl(*arguments, "-o", "json", expect=expect))

    def why(self, request_id):
        """The decision remembered for a request that was served."""
        return self.ctl_json("why", request_id)["item"]

    def outcome(self, request_id):
        """Its outcome, once it isn't pending any more."""
        def ended():
            outcome = self.why(request_id)["outcome"]
            return outcome if outcome["state"] != "pending" else None
        return self.process.wait_until(ended, f"request {request_id} has ended")

    def listed(self):
        """The endpoints of the daemon by name."""
        return {e["name"]: e for e in self.ctl_json("get", "endpoints")["items"]}

    def in_flight(self):
        return sum(e["inFlight"]["value"] for e in self.listed().values())

    def metrics(self):
        """The daemon's own samples: {name: [(labels, value)]}."""
        status, page = http_get(f"{self.http}/metrics")
        assert status == 200, f"/metrics: {status} {page}"
        samples = {}
        for line in page.splitlines():
            match = re.fullmatch(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)", line)
            if match:
                labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
                samples.setdefault(match[1], []).append((labels, float(match[3])))
        return samples

    def rss_kib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def restart(self):
        """Starts it again after it has ended, on the same configuration and state."""
        assert not self.process.alive()
        self.process = self._start([program("inferenced"), "--config", self.config])
        self.wait_ready()

    def stop(self):
        return self.process.stop()


class ReferencePicker:
    """harness/reference_picker.py as a process. (-P: our envoy.py must not hide Envoy's package.)"""

    def __init__(self, directory, endpoints, port=None):
        directory.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        script = pathlib.Path(__file__).with_name("reference_picker.py")
        self.process = Process("reference-picker", [
            sys.executable, "-P", script, self.port, *endpoints.values()], directory / "reference.log")
        self.process.wait_until(self._accepts, "listens")

    def _accepts(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.process.kill()
