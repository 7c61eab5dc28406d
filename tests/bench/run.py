#!/usr/bin/env python3
"""Measures what a request costs the daemon: CPU us per stream, latency, memory.

    tests/bench/run.py                 all cells, as a table and as JSON in build/bench.json
    tests/bench/run.py --cell 1k       only cells whose name contains that
    tests/bench/run.py --runs 5        each cell that often; medians are printed

The whole daemon is pinned to core 0, everything else to the other cores. Scheduling, prefix cache,
scraping of ten endpoints with pages of a real vLLM's size, decision ring and telemetry are on.
"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]

# name, response tracking, arguments of extproc_load, target (value of `metric`, "min" or "max")
CELLS = [
    ("1k-8chunks-4x64", "full", ["--body", "1024"], ("streams_per_second", "min", 40000)),
    ("16k-8chunks-4x64", "full", ["--body", "16384"], ("streams_per_second", "min", 18000)),
    ("256k-8chunks-4x64", "full", ["--body", "262144"], ("streams_per_second", "min", 2000)),
    ("1k-128chunks-4x64", "full", ["--chunks", "128"], ("streams_per_second", "min", 5000)),
    ("1k-8chunks-64x1", "full", ["--connections", "64"], ("cpu_us_per_stream", "max", 60)),
    ("1k-8chunks-64x1-unix", "full", ["--connections", "64", "--unix"], None),
    ("1k-request-only-4x64", "auto", ["--chunks", "0"], None),
    ("1k-request-only-64x1", "auto", ["--chunks", "0", "--connections", "64"], None),
    ("1k-tls-8chunks-4x64", "full", ["--tls"], None),
    ("1k-open-200", "auto", ["--chunks", "0", "--rate", "200", "--seconds", "10"], ("p99", "max", 1000)),
    ("1k-open-2000", "auto", ["--chunks", "0", "--rate", "2000", "--seconds", "5"], None),
    ("4k-held-5000", "full", ["--body", "4096", "--hold", "5000", "--connections", "8"],
     ("rss_per_stream", "max", 16384)),
]
# name, wrk connections, body bytes, target CPU us per request of the daemon
ENVOY_CELLS = [
    ("envoy-1k-32", 32, 1024, 20),
    ("envoy-1k-4", 4, 1024, 60),
    ("envoy-32k-32", 32, 32768, 60),
    ("envoy-400k-8", 8, 400000, 400),
]


# A few small requests a second beside two of 20 MB of token ids: what do they wait for?
NEIGHBOURS = ("--body", "1024", "--chunks", "0", "--rate", "200")
LARGE = ("--body", str(20 << 20), "--token-ids", "--bodies", "2", "--chunks", "0", "--connections", "1",
         "--rate", "2")


def free_ports(count):
    """Different ports, below those that the kernel gives to outgoing connections."""
    with contextlib.ExitStack() as held:
        ports = []
        for port in random.sample(range(10000, 32000), 2000):
            s = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                s.bind(("127.0.0.1", port))
                ports.append(port)
            if len(ports) == count:
                return ports
    sys.exit(f"found no {count} free ports from 10000 to 32000")


def wait_http(url, seconds=20, process=None):
    """Until the URL answers 200; at once an error when `process`, which should serve it, has ended."""
    end = time.monotonic() + seconds
    while True:
        if process and process.poll() is not None:
            sys.exit(f"{url}: its server ended: {pathlib.Path(process.log).read_text()[-500:].strip()}")
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        if time.monotonic() > end:
            sys.exit(f"{url} did not answer 200 within {seconds} s")
        time.sleep(0.05)


def cpu_nanos(pid):
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total


def rss_bytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def pinned(cores, command):
    return ["taskset", "-c", cores, *map(str, command)]


class Lab:
    """Simulated servers and a daemon on free ports, in a folder of their own."""

    def __init__(self, build, tracking, tls, other_cores, servers=10, pool=None):
        """`pool`: more settings of the pool."""
        self.build, self.other, self.servers, self.pool = build, other_cores, servers, pool or {}
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="inferenced-bench-"))
        self.processes = []
        self.port, self.http, *self.sims = free_ports(2 + servers)
        try:
            self.start_servers()
            self.start_daemon(tracking, tls)
        except BaseException:
            self.close()
            raise

    def spawn(self, name, command):
        log = open(self.dir / f"{name}.log", "w")
        process = subprocess.Popen(command, stdout=log, stderr=log)
        process.log = log.name
        self.processes.append(process)
        return process

    def start_servers(self):
        sim = self.build / "cmd/inferencesim/inferencesim"
        instances = [a for i, p in enumerate(self.sims) for a in ("--instance", f"name=sim-{i},port={p}")]
        process = self.spawn("sim", pinned(self.other, [sim, *instances, "--time-scale", "0.001",
                                                        "--max-model-len", "1000000",
                                                        "--num-gpu-blocks", "65536"]))
        for port in self.sims:
            wait_http(f"http://127.0.0.1:{port}/health", process=process)

    def start_daemon(self, tracking, tls):
        (self.dir / "manifests.d").mkdir()
        endpoints = [{"name": f"sim-{i}", "address": "127.0.0.1", "ports": [p]}
                     for i, p in enumerate(self.sims)]
        pool = {"apiVersion": "inference.networking.k8s.io/v1", "kind": "InferencePool",
                "metadata": {"name": "bench", "namespace": "llm"},
                "spec": {"selector": {"matchLabels": {"app": "vllm"}}, "targetPorts": [{"number": 8000}]}}
        members = {"apiVersion": "inferenced.dev/v1alpha1", "kind": "EndpointSet",
                   "metadata": {"name": "sims", "namespace": "llm", "labels": {"app": "vllm"}},
                   "spec": {"endpoints": endpoints}}
        (self.dir / "manifests.d/pool.json").write_text(json.dumps(pool))
        (self.dir / "manifests.d/set.json").write_text(json.dumps(members))
        config = {"apiVersion": "inferenced.dev/v1alpha1", "kind": "DaemonConfig",
                  "listeners": [{"address": f"127.0.0.1:{self.port}",
                                 "tls": {"mode": "selfSigned" if tls else "none"}},
                                {"address": f"unix://{self.dir}/extproc.sock"}],
                  "health": {"address": "127.0.0.1:0"},
                  "http": {"address": f"127.0.0.1:{self.http}"},
                  "admin": {"address": f"unix://{self.dir}/admin.sock"},
                  "stateFile": "none", "manifests": ["manifests.d"], "workers": 1, "logLevel": "warn",
                  "pools": {"llm/bench": {"responseTracking": tracking, **self.pool}}}
        (self.dir / "inferenced.yaml").write_text(json.dumps(config))
        daemon = self.build / "cmd/inferenced/inferenced"
        self.daemon = self.spawn("inferenced", pinned("0", [daemon, "--config", self.dir / "inferenced.yaml"]))
        wait_http(f"http://127.0.0.1:{self.http}/readyz", process=self.daemon)
        time.sleep(0.5)  # the first scrapes

    def beside_large(self, seconds):
        """Small requests while large bodies come on another connection to the same reactor."""
        large = self.spawn("large", pinned(self.other, [
            self.build / "tests/bench/extproc_load", "--target", f"127.0.0.1:{self.port}", *LARGE,
            "--seconds", str(seconds + 5)]))
        time.sleep(2)
        result = self.load(["--seconds", str(seconds), *NEIGHBOURS])
        large.terminate()
        return result

    def load(self, arguments):
        target = f"127.0.0.1:{self.port}"
        if "--unix" in arguments:
            target = f"unix://{self.dir}/extproc.sock"
        command = [self.build / "tests/bench/extproc_load", "--target", target, "--pid", self.daemon.pid,
                   *(a for a in arguments if a != "--unix")]
        done = subprocess.run(pinned(self.other, command), capture_output=True, text=True)
        if done.returncode != 0 and not done.stdout:
            sys.exit(f"extproc_load failed: {done.stderr}\nlogs in {self.dir}")
        return json.loads(done.stdout)

    def close(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


def start_envoy(lab):
    import yaml  # the tests' virtual environment has it
    config = yaml.safe_load((ROOT / "manifests/envoy/full-duplex.yaml").read_text())
    listener, admin = free_ports(2)
    config["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"] = listener
    config["admin"]["address"]["socket_address"]["port_value"] = admin
    for cluster in config["static_resources"]["clusters"]:
        endpoints = cluster.get("load_assignment", {}).get("endpoints", [])
        for endpoint in (e for group in endpoints for e in group["lb_endpoints"]):
            address = endpoint["endpoint"]["address"].get("socket_address")
            if address and address["port_value"] == 9002:
                address["port_value"] = lab.port
    (lab.dir / "envoy.yaml").write_text(yaml.safe_dump(config))
    envoy = ROOT / ".venv/bin/envoy"
    process = lab.spawn("envoy", pinned(lab.other, [envoy, "-c", lab.dir / "envoy.yaml", "--concurrency", "1",
                                                    "--use-dynamic-base-id", "-l", "warning"]))
    wait_http(f"http://127.0.0.1:{admin}/ready")
    return listener, process


def run_wrk(lab, listener, connections, body_bytes, seconds):
    body = json.dumps({"model": "sim-model", "max_tokens": 4, "prompt": "a server answers " * (body_bytes // 17)})
    (lab.dir / "body.json").write_text(body)
    (lab.dir / "post.lua").write_text(
        f'local f = io.open("{lab.dir}/body.json")\nwrk.method = "POST"\nwrk.body = f:read("*a")\n'
        'wrk.headers["content-type"] = "application/json"\n'
        'done = function(s, l, r) io.write(string.format("%d %d %d %f\\n", s.requests, s.errors.status, '
        's.errors.read + s.errors.write + s.errors.timeout + s.errors.connect, l:percentile(50))) end\n')
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", lab.dir / "post.lua",
               f"http://127.0.0.1:{listener}/v1/completions"]
    before, own = cpu_nanos(lab.daemon.pid), time.monotonic()
    done = subprocess.run(pinned(lab.other, command), capture_output=True, text=True, check=True)
    requests, bad, broken, p50 = done.stdout.strip().splitlines()[-1].split()
    requests = int(requests)
    return {"requests": requests, "requests_per_second": requests / (time.monotonic() - own),
            "errors": int(bad) + int(broken), "p50_us": float(p50),
            "cpu_us_per_request": (cpu_nanos(lab.daemon.pid) - before) / 1e3 / max(1, requests),
            "rss_bytes": rss_bytes(lab.daemon.pid)}


def value_of(result, metric):
    return result["request_phase_us"][metric] if metric.startswith("p") else result[metric]


def median(results):
    """Element-wise over runs of one cell."""
    first = results[0]
    out = {}
    for key, value in first.items():
        values = [r[key] for r in results]
        out[key] = median(values) if isinstance(value, dict) else statistics.median(values)
    return out


def show(name, result, target):
    met = ""
    if target:
        metric, way, limit = target
        value = value_of(result, metric)
        ok = value >= limit if way == "min" else value <= limit
        met = f"{metric} {'>=' if way == 'min' else '<='} {limit}: {'met' if ok else 'NOT MET'} ({value:.1f})"
    if "rss_per_stream" in result:
        text = f"{result['rss_per_stream'] / 1024:8.1f} KiB per held stream"
    elif "requests" in result:
        text = (f"{result['requests_per_second']:9.0f} req/s     {result['cpu_us_per_request']:8.1f} us CPU"
                f"   RSS {result['rss_bytes'] / 1e6:.1f} MB")
    elif "cores" in result:
        text = f"{result['cores'] * 100:8.2f} % of a core"
    else:
        phase = result["request_phase_us"]
        text = (f"{result['streams_per_second']:9.0f} streams/s {result['cpu_us_per_stream']:8.1f} us CPU   "
                f"request phase us p50 {phase['p50']:.0f} p99 {phase['p99']:.0f} p99.9 {phase['p999']:.0f}")
    errors = int(result.get("errors", 0))
    print(f"{name:24} {text}{f'   {errors} ERRORS' if errors else ''}   {met}", flush=True)


def measure_idle(lab, seconds=10):
    before, begin = cpu_nanos(lab.daemon.pid), time.monotonic()
    time.sleep(seconds)
    return {"cores": (cpu_nanos(lab.daemon.pid) - before) / 1e9 / (time.monotonic() - begin)}


def other_cores():
    cores = os.cpu_count()
    if cores < 2:
        sys.exit("this needs two cores: one for the daemon, one for its clients")
    return f"1-{cores - 1}"


def machine():
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "?")
    return f"{cpu}, {os.cpu_count()} cores, Linux {platform.release()}, {time.strftime('%Y-%m-%d')}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=ROOT / "build/release", type=pathlib.Path)
    parser.add_argument("--cell", default="", help="only cells whose name contains this")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--json", default=ROOT / "build/bench.json", type=pathlib.Path)
    options = parser.parse_args()
    other = other_cores()
    results = {"machine": machine(), "runs": options.runs, "cells": {}}
    print(f"{results['machine']}; medians of {options.runs} runs")
    for name, tracking, arguments, target in CELLS:
        if options.cell not in name:
            continue
        runs = []
        for _ in range(options.runs):
            lab = Lab(options.build, tracking, "--tls" in arguments, other)
            try:
                runs.append(lab.load(["--seconds", str(options.seconds), *arguments]))
            finally:
                lab.close()
        results["cells"][name] = median(runs)
        show(name, results["cells"][name], target)
    for name, beside in (("neighbours-alone", False), ("neighbours-of-20M", True)):
        if options.cell not in name:
            continue
        runs = []
        for _ in range(options.runs):
            lab = Lab(options.build, "auto", False, other)
            try:
                seconds = max(10, options.seconds)
                runs.append(lab.beside_large(seconds) if beside
                            else lab.load(["--seconds", str(seconds), *NEIGHBOURS]))
            finally:
                lab.close()
        results["cells"][name] = median(runs)
        show(name, results["cells"][name], None)
    for name, servers, limit in (("idle-10-endpoints", 10, 0.02), ("idle-100-endpoints", 100, 0.2)):
        if options.cell not in name:
            continue
        lab = Lab(options.build, "auto", False, other, servers)
        try:
            results["cells"][name] = measure_idle(lab)
        finally:
            lab.close()
        show(name, results["cells"][name], ("cores", "max", limit))
    for name, connections, size, limit in ENVOY_CELLS:
        if options.cell not in name:
            continue
        runs = []
        for _ in range(options.runs):
            lab = Lab(options.build, "auto", False, other)
            try:
                listener, _ = start_envoy(lab)
                run_wrk(lab, listener, connections, size, 1)
                runs.append(run_wrk(lab, listener, connections, size, int(options.seconds * 2)))
            finally:
                lab.close()
        results["cells"][name] = median(runs)
        show(name, results["cells"][name], ("cpu_us_per_request", "max", limit))
    options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
