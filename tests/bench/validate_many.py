#!/usr/bin/env python3
"""How long inferencectl validate takes for many objects, as the repository of a platform team has.

    tests/bench/validate_many.py [--objects 10000] [--runs 5] [BUILD]

Makes teams of ten objects each (pools, their pickers' Services, servers, routes, rewrites and
objectives that refer to each other), once in a file per team and once in one file. Prints seconds of
the wall and of the processor, and the most memory. Aim: 10,000 objects in 2 s on two cores.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVERS = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}-{part}, namespace: {team}}}
spec:
  replicas: 4
  selector: {{matchLabels: {{app: {name}-{part}}}}}
  template:
    metadata:
      labels: {{app: {name}-{part}}}
    spec:
      terminationGracePeriodSeconds: 130
      containers:
      - name: server
        image: registry.example/{part}:1
        args: ["--port", "{port}"]
        ports: [{{containerPort: {port}}}]
        readinessProbe: {{httpGet: {{path: /health, port: {port}}}}}
---
"""
POOL = """\
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {{name: {name}, namespace: {team}}}
spec:
  selector: {{matchLabels: {{app: {name}-server}}}}
  targetPorts: [{{number: 8000}}]
  endpointPickerRef: {{name: {name}-epp, port: {{number: 9002}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}-epp, namespace: {team}}}
spec:
  selector: {{app: {name}-epp}}
  ports: [{{port: 9002, appProtocol: kubernetes.io/h2c}}]
---
apiVersion: llm-d.ai/v1alpha2
kind: InferenceModelRewrite
metadata: {{name: {name}, namespace: {team}}}
spec:
  poolRef: {{name: {name}}}
  rules:
  - matches: [{{model: {{value: {name}-chat}}}}]
    targets: [{{modelRewrite: {name}-v1, weight: 9}}, {{modelRewrite: {name}-v2, weight: 1}}]
---
"""
MORE = """\
apiVersion: llm-d.ai/v1alpha2
kind: InferenceObjective
metadata: {{name: batch, namespace: {team}}}
spec: {{priority: -1, poolRef: {{name: small}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: models, namespace: {team}}}
spec:
  rules:
  - backendRefs: [{{group: inference.networking.k8s.io, kind: InferencePool, name: small}}]
"""


def team(number):
    """Ten objects."""
    name = {"team": f"team-{number}"}
    pools = "".join(POOL.format(name=pool, **name) for pool in ("small", "large"))
    servers = "".join(SERVERS.format(name=pool, part="server", port=8000, **name)
                      for pool in ("small", "large"))
    return pools + servers + MORE.format(**name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    program = arguments.build / "cmd" / "inferencectl" / "inferencectl"
    texts = [team(n) for n in range(arguments.objects // 10)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "teams"
        folder.mkdir()
        for n, text in enumerate(texts):
            (folder / f"team-{n}.yaml").write_text(text)
        file = pathlib.Path(scratch) / "all.yaml"
        file.write_text("---\n".join(texts))
        print(f"{arguments.objects} objects        wall s   cpu s   MiB   (best of {arguments.runs})")
        for path in (folder, file):
            measured = []
            for _ in range(arguments.runs):
                began = time.perf_counter()
                child = subprocess.Popen([program, "validate", "-f", path, "-o", "short"],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                status, usage = os.wait4(child.pid, 0)[1:]
                if status != 0:
                    sys.exit("the manifests are good, and were not found to be")
                measured.append((time.perf_counter() - began, usage.ru_utime + usage.ru_stime,
                                 usage.ru_maxrss / 1024))
            wall, processor, memory = min(measured)
            print(f"{path.name:20} {wall:7.2f} {processor:7.2f} {memory:5.0f}")


if __name__ == "__main__":
    main()
