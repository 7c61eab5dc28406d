"""Every configuration that README.md and inferenced.yaml(5) show: it works as it is written."""

import re
import shutil
import subprocess
import tempfile

import pytest
import yaml
from harness import envoy
from harness.clients import request as http_request
from harness.daemon import program
from harness.openai import CHAT, JSON
from harness.process import Process, free_port, http_get, wait_until

README = envoy.ROOT / "README.md"
MANUAL = envoy.ROOT / "man" / "inferenced.yaml.5"


def readme_files():
    """The files that the README shows: {name: text}."""
    found = re.findall(r"^`([\w./-]+)`:\n\n```yaml\n(.*?)^```", README.read_text(), re.M | re.S)
    return dict(found)


def readme_blocks():
    return re.findall(r"^```ya?ml\n(.*?)^```", README.read_text(), re.M | re.S)


def manual_blocks():
    text = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", MANUAL.read_text(), re.M | re.S)
    return [block for block in text if "apiVersion" in block]


def run(name, *arguments):
    return subprocess.run([program(name), *arguments], capture_output=True, text=True, timeout=30)


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_the_documents_show_configurations():
    assert set(readme_files()) == {"inferenced.yaml", "manifests.d/pool.yaml"}
    assert len(readme_blocks()) == len(readme_files()), "a block without the name of its file"
    assert manual_blocks()


@pytest.mark.parametrize("block", readme_blocks() + manual_blocks(),
                         ids=lambda text: yaml.safe_load(text.split("\n---")[0])["kind"])
def test_validate_finds_nothing(tmp_path, block):
    write(tmp_path, {"block.yaml": block})
    done = run("inferencectl", "validate", "-f", tmp_path / "block.yaml", "--fail-on", "warning")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", manual_blocks())
def test_the_manual_s_configuration_is_good(tmp_path, block, monkeypatch):
    # Who isn't root has a default admin address in a session only.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    write(tmp_path, {"inferenced.yaml": block, **{
        name: text for name, text in readme_files().items() if name.startswith("manifests.d/")}})
    done = run("inferenced", "--config", tmp_path / "inferenced.yaml", "--check-config")
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr


def test_the_readme_s_configuration_is_good(tmp_path):
    write(tmp_path, readme_files())
    done = run("inferenced", "--config", tmp_path / "inferenced.yaml", "--check-config")
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr


class Readme:
    """The README's configuration, running as the README says, but on ports that are free here."""

    def __init__(self, folder):
        files = readme_files()
        self.port, self.http = free_port(), free_port()
        self.base = free_port(2)
        self.sockets = tempfile.mkdtemp(prefix="inferenced-")
        self.admin = f"unix://{self.sockets}/admin.sock"
        self._replace(files, "inferenced.yaml", "127.0.0.1:9002", f"127.0.0.1:{self.port}")
        self._replace(files, "inferenced.yaml", "unix:///tmp/inferenced/admin.sock", self.admin)
        self._replace(files, "manifests.d/pool.yaml", "[8101]", f"[{self.base}]")
        self._replace(files, "manifests.d/pool.yaml", "[8102]", f"[{self.base + 1}]")
        files["inferenced.yaml"] += (f'health: {{address: "127.0.0.1:{free_port()}"}}\n'
                                     f'http: {{address: "127.0.0.1:{self.http}"}}\n')
        write(folder, files)
        text = README.read_text()
        command = re.search(r"`inferencesim ([\w -]+ --port-base )8101`", text)[1].split()
        assert "`inferenced --config inferenced.yaml`" in text
        self.simulator = Process("inferencesim", [program("inferencesim"), *command, self.base],
                                 folder / "inferencesim.log")
        self.daemon = Process("inferenced", [program("inferenced"), "--config", "inferenced.yaml"],
                              folder / "inferenced.log", cwd=folder)
        self.daemon.wait_until(
            lambda: http_get(f"http://127.0.0.1:{self.http}/readyz")[0] == 200, "is ready")

    @staticmethod
    def _replace(files, name, old, new):
        assert old in files[name], f"{name} in the README has no {old}"
        files[name] = files[name].replace(old, new)

    def ctl(self, *arguments):
        return run("inferencectl", "--server", self.admin, *arguments)

    def stop(self):
        self.daemon.kill()
        self.simulator.kill()
        shutil.rmtree(self.sockets, ignore_errors=True)


@pytest.fixture
def readme(tmp_path):
    made = Readme(tmp_path)
    yield made
    made.stop()


def test_the_readme_works_as_pasted(readme, loop, tmp_path):
    def ready():
        return readme.ctl("get", "endpoints").stdout.count(" Ready ") == 2
    readme.simulator.wait_until(ready, "both endpoints are ready")
    assert "gpu-" in readme.ctl("pick", "--model", "qwen3-32b", "--prompt", "Hello").stdout
    servers = [f"127.0.0.1:{readme.base + n}" for n in range(2)]
    gateway = envoy.Envoy("full-duplex", tmp_path, f"127.0.0.1:{readme.port}", servers)
    try:
        gateway.wait_for_picker()
        body = re.search(r"-H 'x-request-id: (hello-1)' \\\n +-d '(\{.*\})'$",
                         README.read_text(), re.M)
        answer = loop.run(http_request(
            "1.1", gateway.port, "POST", CHAT, body=body[2].encode(),
            headers={**JSON, "x-request-id": body[1]}), 30)
        assert answer.status == 200, answer.text
        why = readme.ctl("why", body[1])
        assert why.returncode == 0 and "gpu-" in why.stdout, why.stdout + why.stderr
    finally:
        gateway.stop()
