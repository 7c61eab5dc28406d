#!/usr/bin/env python3
"""How long inferencectl takes from exec to exit: what a shell, an editor or a hook waits for.

    tests/bench/cold_start.py [--runs 50] [BUILD]

Prints milliseconds: least, median, 95th percentile, and the median of processor time, which a busy
machine changes less. Aims: --help 20 ms, one file 50 ms.
"""

import argparse
import os
import pathlib
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
POOL = """\
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen3, namespace: llm}
spec:
  selector: {matchLabels: {app: vllm}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: epp, port: {number: 9002}}
"""


def milliseconds(command, runs):
    """Sorted times of the wall, and the median of the processor's."""
    wall, processor = [], []
    for _ in range(runs):
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        usage = os.wait4(child.pid, 0)[2]
        wall.append((time.perf_counter() - began) * 1000)
        processor.append((usage.ru_utime + usage.ru_stime) * 1000)
    return sorted(wall), sorted(processor)[runs // 2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--runs", type=int, default=50)
    arguments = parser.parse_args()
    program = arguments.build / "cmd" / "inferencectl" / "inferencectl"
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "pool.yaml"
        file.write_text(POOL)
        commands = [["--help"], ["version"], ["__complete", "--", "get", "--"],
                    ["explain", "InferencePool.spec"], ["validate", "-f", str(file)]]
        print(f"{'':34} {'least':>7} {'median':>7} {'p95':>7} {'cpu':>7}   ms, {arguments.runs} runs")
        for words in commands:
            taken, processor = milliseconds([program, *words], arguments.runs)
            shown = " ".join(words).replace(str(file), "pool.yaml")
            print(f"{shown:34} {taken[0]:7.1f} {taken[len(taken) // 2]:7.1f} "
                  f"{taken[int(len(taken) * 0.95)]:7.1f} {processor:7.1f}")


if __name__ == "__main__":
    main()
