"""examples/ops/rolling-upgrade.sh as it stands, under load: no request fails."""

import asyncio
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest
from harness import envoy
from harness.clients import connect
from harness.daemon import Daemon, endpoints_manifest, pool_manifest, program, write_manifests
from harness.openai import CHAT, JSON, chat
from harness.process import Process, free_port, http_get, wait_until
from test_rewrites import rewrite, route

SCRIPT = pathlib.Path(__file__).parents[2] / "examples/ops/rolling-upgrade.sh"


class Servers:
    """Five simulated servers, a process each, and one of a second pool."""

    def __init__(self, directory):
        self.directory, self.ports, self.processes = directory, {}, {}
        self.replaced = []
        for name in [f"blue-{n}" for n in range(5)] + ["green-0"]:
            self.ports[name] = free_port()
            self.start(name)

    def start(self, name):
        self.processes[name] = Process(name, [
            program("inferencesim"), "--instance", f"name={name},port={self.ports[name]}",
            "--model", "m", "--lora", "v1", "--lora", "v2", "--lora-load-ms", 1, "--step-base-ms", 2,
            "--max-num-seqs", 256], self.directory / f"{name}-{len(self.replaced)}.log")
        self.processes[name].wait_until(
            lambda: http_get(f"http://127.0.0.1:{self.ports[name]}/health")[0] == 200, "answers")

    def replace(self, name):
        """As abrupt as can be: whoever still has a request there loses it."""
        self.processes[name].kill()
        self.replaced.append(name)
        self.start(name)

    def address(self, name):
        return f"127.0.0.1:{self.ports[name]}"

    def stop(self):
        for process in self.processes.values():
            process.kill()


class Orders:
    """What the script's commands ask for, done by us: they write a name into a fifo-like folder."""

    def __init__(self, directory, handle):
        self.directory, self.handle, self.running, self.errors = directory, handle, True, []
        directory.mkdir()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def command(self, word):
        base = self.directory / word
        return (f'touch "{base}.asked"; '
                f'while [ ! -e "{base}.done" ]; do sleep 0.05; done; rm "{base}.done"')

    def _run(self):
        while self.running:
            for asked in self.directory.glob("*.asked"):
                asked.unlink()
                try:
                    self.handle(asked.stem)
                except Exception as error:  # told at the end of the test
                    self.errors.append(repr(error))
                asked.with_suffix(".done").touch()
            time.sleep(0.02)

    def stop(self):
        self.running = False
        self.thread.join()


class Load:
    """Clients at a steady rate; whatever isn't a complete 200 is a failure."""

    def __init__(self, loop, port, clients=10):
        self.port, self.done, self.failures, self.running = port, 0, [], True
        self.tasks = [loop.start(self._client(n)) for n in range(clients)]

    async def _client(self, number):
        connection = await connect("1.1", self.port)
        n = 0
        while self.running:
            n += 1
            stream = number % 3 == 0
            try:
                response = await asyncio.wait_for(connection.request(
                    "POST", CHAT, headers=JSON, body=chat(
                        f"client {number} request {n}", model="chat", stream=stream,
                        max_tokens=4)), 30)
                if response.status != 200:
                    self.failures.append((response.status, response.text[:300]))
                elif stream and not response.text.endswith("data: [DONE]\n\n"):
                    self.failures.append(("cut", response.text[-80:]))
                elif '"model":"chat"' not in response.text.replace(" ", ""):
                    self.failures.append(("model", response.text[:200]))
                self.done += 1
            except Exception as error:  # whatever it is, it is a failed request
                self.failures.append((type(error).__name__, str(error)))
                await connection.close()
                connection = await connect("1.1", self.port)
            await asyncio.sleep(0.01)
        await connection.close()

    def stop(self):
        self.running = False
        for task in self.tasks:
            task.result(60)


@pytest.mark.timeout(400)
def test_the_rollout_loses_no_request(loop, tmp_path, monkeypatch):
    servers = Servers(tmp_path)
    daemons, parts = {}, []
    try:
        manifests = tmp_path / "shared"
        manifests.mkdir()
        write_manifests(
            manifests / "pools.yaml", pool_manifest("blue", app="blue"),
            pool_manifest("green", app="green"),
            endpoints_manifest({n: servers.address(n) for n in servers.ports if "blue" in n},
                               name="blue", app="blue"),
            endpoints_manifest({"green-0": servers.address("green-0")}, name="green", app="green"))
        write_manifests(
            manifests / "rules.yaml", rewrite(("v1", 1), pool="blue"),
            rewrite(("v2", 1), pool="green", name="green"), route(blue=100, green=0))
        config = {"manifests": [str(manifests)]}
        for name in ("first", "second"):
            daemons[name] = Daemon(tmp_path / name, {}, config, name=name)

        def two_pickers(bootstrap):
            target = envoy.cluster(bootstrap, "picker")["load_assignment"]["endpoints"][0]
            target["lb_endpoints"].append(envoy._lb_endpoint(daemons["second"].address))
        proxy = envoy.Envoy("full-duplex", tmp_path, daemons["first"].address,
                            [servers.address(n) for n in servers.ports], two_pickers)
        parts.append(proxy)
        proxy.process.wait_until(lambda: proxy.stats("cluster.picker.").get(
            "cluster.picker.membership_healthy") == 2, "both pickers are healthy")
        load = Load(loop, proxy.port)
        wait_until(lambda: load.done > 100, "requests are served",
                   on_failure=lambda: str(load.failures[:3]))

        def handle(word):
            if word != "upgrade":
                return servers.replace(word)
            for name in ("first", "second"):
                old = daemons[name]
                daemons[name] = Daemon(tmp_path / f"{name}-again", {}, config, take_over=old,
                                       name=f"{name}-again")
                old.process.signal(signal.SIGTERM)
                assert old.process.wait(40) == 0
        orders = Orders(tmp_path / "orders", handle)
        parts.append(orders)
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "inferencectl").symlink_to(program("inferencectl"))
        done = subprocess.run(
            ["bash", SCRIPT], capture_output=True, text=True, timeout=300, cwd=tmp_path, env={
                **os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
                "PICKERS": " ".join(d.admin for d in daemons.values()), "POOL": "llm/blue",
                "REPLACE": orders.command("$INFERENCE_ENDPOINT"),
                "UPGRADE": orders.command("upgrade"), "RULES": str(manifests / "rules.yaml"),
                "REWRITE": "rewrite/llm/chat", "OLD": "v1", "NEW": "v2", "ROUTE": "route/llm/chat",
                "BLUE": "blue", "GREEN": "green", "MIN_REQUESTS": "300"})
        load.stop()
        assert done.returncode == 0, done.stdout + done.stderr
        assert orders.errors == []
        assert sorted(servers.replaced) == [f"blue-{n}" for n in range(5)]
        assert load.failures == [], (len(load.failures), load.done, load.failures[:5])
        assert load.done > 3000
    finally:
        for part in parts:
            part.stop()
        for daemon in daemons.values():
            daemon.process.kill()
        servers.stop()
