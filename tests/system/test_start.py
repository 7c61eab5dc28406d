"""Starts: one that cannot be says the same as --check-config; one with names only has its endpoints."""

import shutil
import subprocess

import pytest
import yaml
from harness.daemon import endpoints_manifest, pool_manifest, program, write_manifests
from harness.process import free_port


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "manifests.d").mkdir()
    write_manifests(tmp_path / "manifests.d" / "all.yaml", pool_manifest(),
                    endpoints_manifest({"gpu-1": "127.0.0.1:9"}))
    (tmp_path / "inferenced.yaml").write_text(f"""apiVersion: inferenced.dev/v1alpha1
kind: DaemonConfig
listeners: [{{address: "127.0.0.1:{free_port()}"}}]
health: {{address: "127.0.0.1:{free_port()}"}}
http: {{address: "127.0.0.1:{free_port()}"}}
admin: {{address: "unix://{tmp_path}/a.sock"}}
manifests:
- manifests.d
""")
    return tmp_path


def refusals(folder):
    """(exit code, output) of a start and of --check-config."""
    for arguments in ([], ["--check-config"]):
        done = subprocess.run([program("inferenced"), "--config", "inferenced.yaml", *arguments],
                              cwd=folder, capture_output=True, text=True, timeout=30)
        yield done.returncode, done.stdout + done.stderr


def test_a_missing_folder_of_manifests(folder):
    shutil.rmtree(folder / "manifests.d")
    for code, output in refusals(folder):
        assert code == 3, output
        assert "inferenced.yaml:8:3" in output, output
        assert "manifests.d: No such file or directory" in output, output


def test_a_mistake_in_a_manifest(folder):
    path = folder / "manifests.d" / "all.yaml"
    documents = list(yaml.safe_load_all(path.read_text()))
    documents[1]["spec"]["endpoints"][0]["ports"] = [70000]
    write_manifests(path, *documents)
    for code, output in refusals(folder):
        assert code == 1, output
        assert output.count("INF0") == 1, output
        assert "must be 1 to 65535, not 70000" in output


def test_a_fleet_of_names_starts_with_its_endpoints(folder):
    path = folder / "manifests.d" / "all.yaml"
    documents = list(yaml.safe_load_all(path.read_text()))
    documents[1]["spec"]["endpoints"][0] = {"name": "gpu-1", "dns": "localhost", "ports": [9]}
    write_manifests(path, *documents)
    child = subprocess.Popen([program("inferenced"), "--config", "inferenced.yaml"], cwd=folder,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        lines = []
        for line in child.stdout:
            lines.append(line)
            if "is ready" in line:
                break
        # The first generation that is published has the endpoint of the name already.
        first = [line for line in lines if "generation 1" in line]
        assert first and "1 pool, 1 endpoint" in first[0], "".join(lines)
    finally:
        child.kill()
        child.wait()
