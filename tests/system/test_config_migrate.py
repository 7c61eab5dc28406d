"""A reference picker's command line as a DaemonConfig: what is printed starts our daemon."""

import json
import subprocess

import pytest
import yaml

from harness.daemon import program


def migrate(*flags, expect=0):
    done = subprocess.run([program("inferencectl"), "config", "migrate", "--", *flags],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def test_a_deployments_flags(tmp_path):
    done = migrate("--pool-name", "qwen3", "--pool-namespace=llm", "--grpc-port", "9004",
                   "--grpc-health-port=9005", "--metrics-port", "9006", "--secure-serving=false",
                   "--drain-timeout", "45s", "--refresh-metrics-interval=100ms", "--zap-encoder",
                   "json", "-v", "4")
    config = yaml.safe_load(done.stdout)
    assert config["listeners"] == [{"address": "[::]:9004", "tls": {"mode": "none"}}]
    assert config["health"] == {"address": "[::]:9005"} and config["http"] == {"address": "[::]:9006"}
    assert config["drainTimeout"] == "45s" and config["scrape"] == {"interval": "100ms"}
    assert (config["logLevel"], config["logFormat"]) == ("debug", "json")
    assert "InferencePool llm/qwen3" in done.stdout
    (tmp_path / "manifests.d").mkdir()
    (tmp_path / "inferenced.yaml").write_text(
        done.stdout + f"admin: {{address: 'unix://{tmp_path}/admin.sock'}}\n")
    checked = subprocess.run([program("inferenced"), "--check-config", "--config",
                              tmp_path / "inferenced.yaml"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_what_has_no_counterpart_is_said():
    done = migrate("--pool-name=a", "--tracing", "--health-checking", "--enable-pprof=false", expect=1)
    assert "warning: --tracing" in done.stderr and "--health-checking: gRPC health" in done.stderr
    assert "pprof" not in done.stderr
    document = json.loads(subprocess.run(
        [program("inferencectl"), "config", "migrate", "-o", "json", "--", "--pool-name=a", "--tracing"],
        capture_output=True, text=True).stdout)
    assert document["remarks"] == [
        {"flag": "--tracing", "message": document["remarks"][0]["message"], "lost": True}]
    assert yaml.safe_load(document["config"])["kind"] == "DaemonConfig"


def test_a_selector_becomes_a_pool(tmp_path):
    done = migrate("--endpoint-selector", "app=vllm,tier==gpu", "--endpoint-target-ports", "8000,8001")
    pool = "\n".join(line[4:] for line in done.stdout.split("this pool:\n#\n")[1].splitlines())
    assert yaml.safe_load(pool)["spec"] == {
        "selector": {"matchLabels": {"app": "vllm", "tier": "gpu"}},
        "targetPorts": [{"number": 8000}, {"number": 8001}]}
    (tmp_path / "pool.yaml").write_text(pool)
    subprocess.run([program("inferencectl"), "validate", "-f", tmp_path / "pool.yaml"], check=True,
                   capture_output=True)


@pytest.mark.parametrize("flags, said", [
    (["--pool-nam", "a"], 'did you mean "--pool-name"?'),
    (["--pool-name"], "--pool-name lacks its value"),
    (["--pool-name", "a", "--grpc-port", "0"], '--grpc-port wants a port, not "0"'),
    (["--pool-name", "a", "--drain-timeout", "soon"], "--drain-timeout wants a duration"),
    (["--pool-name", "a", "--endpoint-selector", "b=c"], "exactly one of"),
    (["--pool-name", "a", "--secure-serving=maybe"], "--secure-serving is true or false"),
    (["--endpoint-selector", "a in (b)", "--endpoint-target-ports", "1"], "only KEY=VALUE"),
    (["plain"], '"plain" is no flag'),
])
def test_mistakes_are_named(flags, said):
    assert said in migrate(*flags, expect=3).stderr
