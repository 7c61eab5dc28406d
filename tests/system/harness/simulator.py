"""inferencesim: simulated model servers that scrape, queue and cache like real ones."""

import json

from .daemon import program
from .process import Process


class Simulator:
    """A running inferencesim; `endpoints` maps names to "host:port"."""

    def __init__(self, directory, instances=3, arguments=()):
        directory.mkdir(parents=True, exist_ok=True)
        ready = directory / "endpoints.json"
        self.process = Process("inferencesim", [
            program("inferencesim"), "--instances", instances, "--port", 0, "--print-endpoints",
            "json", "--endpoints-file", ready, *arguments], directory / "inferencesim.log")
        self.process.wait_until(ready.exists, "is ready")
        self.endpoints = {e["name"]: f"{e['address']}:{e['port']}"
                          for e in json.loads(ready.read_text())["endpoints"]}

    def stop(self):
        self.process.kill()
