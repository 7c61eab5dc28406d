"""Envoy with one of the bootstraps in manifests/envoy/, moved to free ports."""

import copy
import json
import pathlib
import sys

import yaml

from .process import Process, free_port, http_get

ROOT = pathlib.Path(__file__).resolve().parents[3]
BOOTSTRAPS = ROOT / "manifests" / "envoy"
NAMES = ("full-duplex", "request-only", "buffered")
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def binary():
    """The real Envoy beside the interpreter: .venv/bin/envoy."""
    path = pathlib.Path(sys.executable).parent / "envoy"
    assert path.exists(), f"no Envoy at {path}: run tests/setup.sh and use .venv/bin/pytest"
    return path


def load(name):
    return yaml.safe_load((BOOTSTRAPS / f"{name}.yaml").read_text())


def connection_manager(bootstrap):
    chain = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]
    return chain["filters"][0]["typed_config"]


def ext_proc_filters(bootstrap):
    return [f for f in connection_manager(bootstrap)["http_filters"]
            if f["typed_config"]["@type"].endswith(".ExternalProcessor")]


def cluster(bootstrap, name):
    return next(c for c in bootstrap["static_resources"]["clusters"] if c["name"] == name)


def picker_http2(bootstrap):
    options = cluster(bootstrap, "picker")["typed_extension_protocol_options"][_HTTP_OPTIONS]
    return options["explicit_http_config"]["http2_protocol_options"]


def _lb_endpoint(address):
    host, _, port = address.rpartition(":")
    return {"endpoint": {"address": {"socket_address": {
        "address": host.strip("[]"), "port_value": int(port)}}}}


def place(bootstrap, listen_port, admin_port, picker, endpoints):
    """The same bootstrap on other ports. `picker` is "host:port" or "unix:///path"."""
    result = copy.deepcopy(bootstrap)
    result["admin"]["address"]["socket_address"]["port_value"] = admin_port
    listener = result["static_resources"]["listeners"][0]
    listener["address"]["socket_address"]["port_value"] = listen_port
    if picker.startswith("unix://"):
        target = {"endpoint": {"address": {"pipe": {"path": picker.removeprefix("unix://")}}}}
    else:
        target = _lb_endpoint(picker)
    cluster(result, "picker")["load_assignment"]["endpoints"] = [{"lb_endpoints": [target]}]
    servers = cluster(result, "model-servers")
    if "load_assignment" in servers:
        servers["load_assignment"]["endpoints"] = [
            {"lb_endpoints": [_lb_endpoint(e) for e in endpoints]}]
    return result


class Envoy:
    """A running Envoy. `edit(bootstrap)` may change a setting before the start."""

    def __init__(self, name, directory, picker, endpoints, edit=None, workers=2):
        self.port = free_port()
        self.admin = f"http://127.0.0.1:{(admin_port := free_port())}"
        bootstrap = place(load(name), self.port, admin_port, picker, endpoints)
        if edit:
            edit(bootstrap)
        config = directory / "envoy.yaml"
        config.write_text(yaml.safe_dump(bootstrap, sort_keys=False))
        self.process = Process("envoy", [
            binary(), "-c", config, "--disable-hot-restart", "--concurrency", workers,
            "--file-flush-interval-msec", "20", "-l", "info"], directory / "envoy.log")
        self.process.wait_until(lambda: http_get(f"{self.admin}/ready")[0] == 200, "is ready")

    def stats(self, prefix=""):
        """Counters and gauges whose name starts so, as a dict."""
        status, text = http_get(f"{self.admin}/stats?format=json&usedonly")
        assert status == 200, f"Envoy's admin page: {status} {text}"
        return {s["name"]: s["value"] for s in json.loads(text)["stats"]
                if s.get("name", "").startswith(prefix) and "value" in s}

    def wait_for_picker(self, healthy=True, timeout=15.0):
        """Until the health check has found the picker, or lost it."""
        def settled():
            return self.stats("cluster.picker.").get(
                "cluster.picker.membership_healthy", 0) == (1 if healthy else 0)
        self.process.wait_until(
            settled, f"picker is {'healthy' if healthy else 'unhealthy'}", timeout)

    def stop(self):
        self.process.kill()
