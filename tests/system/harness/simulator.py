"""inferencesim: simulated model servers that scrape, queue and cache like real ones."""

import json
import urllib.request

from .daemon import program
from .process import Process, host_port


class Simulator:
    """A running inferencesim; `endpoints` maps names to "host:port"."""

    def __init__(self, directory, instances=3, arguments=()):
        directory.mkdir(parents=True, exist_ok=True)
        ready = directory / "endpoints.json"
        self.process = Process("inferencesim", [
            program("inferencesim"), "--instances", instances, "--port", 0, "--print-endpoints",
            "json", "--endpoints-file", ready, *arguments], directory / "inferencesim.log")
        self.process.wait_until(ready.exists, "is ready")
        self.endpoints = {e["name"]: host_port(e["address"], e["port"])
                          for e in json.loads(ready.read_text())["endpoints"]}

    def fault(self, endpoint, **faults):
        """Sets faults of one simulated server; without any, clears them all."""
        request = urllib.request.Request(
            f"http://{self.endpoints[endpoint]}/sim/faults", json.dumps(faults).encode(),
            method="POST" if faults else "DELETE")
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status == 200

    def stop(self):
        self.process.kill()
