#!/usr/bin/env python3
"""Measures what requests cost that wait for a saturated pool.

    tests/bench/parked.py              5000 requests of 4 KiB
    tests/bench/parked.py --requests N --body BYTES

All endpoints report 100 waiting requests until all requests are parked, for ten seconds more, and then
none; the daemon, pinned to core 0, lets the requests go as fast as they are answered. Prints a table,
and JSON with --json. It asserts nothing.
"""
import argparse
import http.server
import json
import pathlib
import re
import subprocess
import sys
import threading
import time
import urllib.request

import run


class Metrics:
    """One page for all endpoints."""

    def __init__(self):
        self.waiting = 100
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                page = (f"vllm:num_requests_waiting {outer.waiting}\nvllm:num_requests_running 0\n"
                        "vllm:kv_cache_usage_perc 0.1\n").encode()
                self.send_response(200)
                self.send_header("content-length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def parked(lab):
    with urllib.request.urlopen(f"http://127.0.0.1:{lab.http}/metrics") as answer:
        page = answer.read().decode()
    return sum(float(value) for value in re.findall(r"^inferenced_parked_requests\S* (\S+)$", page, re.M))


def measure(lab, metrics, requests, body, load):
    pid = lab.daemon.pid
    rss = run.rss_bytes(pid)
    begin, cpu = time.monotonic(), run.cpu_nanos(pid)
    client = subprocess.Popen(run.pinned(lab.other, [
        load, "--target", f"127.0.0.1:{lab.port}", "--connections", "8", "--streams", str(requests),
        "--count", str(requests), "--body", str(body), "--chunks", "0", "--warm-up", "0", "--seconds", "600"]),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while parked(lab) < requests:
        if time.monotonic() - begin > 120 or client.poll() is not None:
            sys.exit(f"only {parked(lab):.0f} of {requests} requests were parked: {client.communicate()}")
        time.sleep(0.05)
    result = {"park_cpu_us": (run.cpu_nanos(pid) - cpu) / 1e3 / requests,
              "rss_per_request": (run.rss_bytes(pid) - rss) / requests}
    begin, cpu = time.monotonic(), run.cpu_nanos(pid)
    time.sleep(10)
    result["wait_cores"] = (run.cpu_nanos(pid) - cpu) / 1e9 / (time.monotonic() - begin)
    begin, cpu = time.monotonic(), run.cpu_nanos(pid)
    metrics.waiting = 0
    out, err = client.communicate(timeout=300)
    result["release_seconds"] = time.monotonic() - begin
    result["release_cpu_us"] = (run.cpu_nanos(pid) - cpu) / 1e3 / requests
    answered = json.loads(out)
    result["failed"] = answered.get("failed", answered.get("errors", 0))
    if client.returncode != 0:
        sys.exit(f"extproc_load: {err}")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--body", type=int, default=4096)
    parser.add_argument("--build", type=pathlib.Path, default=run.ROOT / "build/release")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    metrics = Metrics()
    pool = {"parking": {"maxRequests": options.requests, "maxBytes": "4Gi", "maxWait": "10m"},
            "scrape": {"port": metrics.port}, "responseTracking": "none"}
    other = run.other_cores()
    idle = run.Lab(options.build, "none", False, other, pool={**pool, "parking": {"maxRequests": 0}})
    cpu, begin = run.cpu_nanos(idle.daemon.pid), time.monotonic()
    time.sleep(10)
    cores = (run.cpu_nanos(idle.daemon.pid) - cpu) / 1e9 / (time.monotonic() - begin)
    idle.close()
    lab = run.Lab(options.build, "none", False, other, pool=pool)
    try:
        result = measure(lab, metrics, options.requests, options.body, options.build / "tests/bench/extproc_load")
    finally:
        lab.close()
    result["idle_cores"] = cores
    if options.json:
        print(json.dumps(result))
        return
    print(f"{options.requests} requests of {options.body} bytes, {run.machine()}")
    for name, text in [("park_cpu_us", "CPU us to take and park one"),
                       ("rss_per_request", "bytes of memory for one that waits"),
                       ("idle_cores", "cores of the daemon without any"),
                       ("wait_cores", "cores while all of them wait"),
                       ("release_cpu_us", "CPU us to pick for one and answer"),
                       ("release_seconds", "seconds until all were answered"),
                       ("failed", "failed")]:
        print(f"  {text:40} {result[name]:12.3f}")


if __name__ == "__main__":
    main()
