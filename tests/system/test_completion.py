"""The Tab key in real shells, on a terminal: bash with and without bash-completion, zsh, fish."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest
from harness.daemon import Daemon, program
from harness.process import wait_until
from harness.terminal import Terminal
from test_rewrites import rewrite, set_rules

TAB = b"\t"
SHELLS = ["bash", "bash-completion", "zsh", "fish"]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    made = Daemon(tmp_path_factory.mktemp("completion"),
                  {"gpu-1": "127.0.0.1:1", "gpu-2": "127.0.0.1:2",
                   "spare": "127.0.0.1:3"})
    set_rules(made, rewrite(("base-v1", 90), ("tuned-v2", 10), model="assistant"))
    yield made
    made.stop()


class Shell:
    """A shell with our completion, with nothing of the user's own."""

    def __init__(self, name, directory, daemon):
        self.name = name
        (directory / "bin").mkdir()
        (directory / "bin" / "inferencectl").symlink_to(program("inferencectl"))
        (directory / "home").mkdir()
        (directory / "work").mkdir()
        # Where this is missing fish reads all manual pages of the machine, minutes after we are gone.
        (directory / "data" / "fish" / "generated_completions").mkdir(parents=True)
        self.work, self.cache = directory / "work", directory / "cache"
        self.environment = {
            "HOME": str(directory / "home"), "PATH": f"{directory}/bin:/usr/bin:/bin",
            "XDG_CACHE_HOME": str(self.cache), "XDG_CONFIG_HOME": str(directory / "config"),
            "XDG_DATA_HOME": str(directory / "data"), "XDG_RUNTIME_DIR": str(directory),
            "ZDOTDIR": str(directory / "home"), "PS1": "ready> ", "TERM": "xterm-256color",
            "INFERENCECTL_SERVER": daemon.admin, "LC_ALL": "C.UTF-8"}
        script = directory / "script"
        script.write_bytes(subprocess.run(
            [program("inferencectl"), "completion", name.split("-")[0]], check=True,
            capture_output=True).stdout)
        start = {
            "bash": f"source {script}; PS1='ready> '; bind 'set completion-query-items 0'\n"
                    "bind 'set page-completions off'; bind 'set enable-bracketed-paste off'\n",
            "bash-completion": f"source /usr/share/bash-completion/bash_completion; source {script}\n"
                               "PS1='ready> '; bind 'set enable-bracketed-paste off'\n",
            "zsh": "autoload -Uz compinit; compinit -u -D; unsetopt zle_bracketed_paste\n"
                   f"source {script}; PS1='ready> '; zstyle ':completion:*' list-prompt ''\n",
            "fish": f"function fish_prompt; echo -n 'ready> '; end; source {script}\n"}[name]
        command = {"bash": ["bash", "--norc", "--noprofile", "-i"],
                   "bash-completion": ["bash", "--norc", "--noprofile", "-i"],
                   "zsh": ["zsh", "-f", "-i"], "fish": ["fish", "--private", "-i"]}[name]
        (directory / "home" / "start").write_text(start)
        self.terminal = Terminal("env", "-i", *(f"{k}={v}" for k, v in self.environment.items()),
                                 *command, rows=50, columns=200, cwd=self.work)
        self.terminal.press(b" . ~/start; echo sta''rted\r")
        self.terminal.wait_for(lambda out: b"started\r\n" in out, "the shell is there")
        self.seen = 0

    def type(self, keys):
        self.seen = len(self.terminal.read())
        self.terminal.press(keys)

    def expect(self, *texts):
        """All of them appear on the screen, in what was written since the last keys."""
        def there(out):
            plain = plain_text(out[self.seen:])
            return all(text in plain for text in texts)
        self.terminal.wait_for(there, f"{texts} appear")

    def close(self):
        self.terminal.close()


def plain_text(output):
    output = re.sub(rb"\x1b\][^\x07\x1b]*(\x07|\x1b\\)", b"", output)
    output = re.sub(rb"\x1b\[[0-9;?>=]*[A-Za-z]|\x1b[()][0-9A-Z]", b"", output)
    return output.replace(b"\a", b"").decode(errors="replace")


@pytest.fixture(params=SHELLS)
def shell(request, tmp_path, daemon):
    made = Shell(request.param, tmp_path, daemon)
    yield made
    made.close()


def completed(shell, typed):
    """The words that the program is called with, when `typed`, Tab, Enter is pressed."""
    report = shell.work / "words"
    report.unlink(missing_ok=True)
    # In place of the program when it isn't asked to complete: tells its words.
    tell = pathlib.Path(shell.environment["PATH"].split(":")[0]) / "inferencectl"
    real = program("inferencectl")
    tell.unlink()
    tell.write_text(f"""#!/bin/sh
if [ "$1" = __complete ]; then exec {real} "$@"; fi
printf '%s\\n' "$@" > {report}.new; mv {report}.new {report}
""")
    tell.chmod(0o755)
    shell.type(typed.encode() + TAB)
    return report


def words_after(shell, typed, expected):
    report = completed(shell, typed)
    # Each shell shows the word when it is there; only then Enter.
    shell.expect(expected[-1].split("=")[-1].split(":")[-1])
    shell.terminal.press(b"\r")
    wait_until(report.exists, "the command is run")
    assert report.read_text().splitlines() == expected


@pytest.mark.parametrize("typed, expected", [
    ("inferencectl stat", ["status"]),
    ("inferencectl config s", ["config", "show"]),
    ("inferencectl validate --fail-o", ["validate", "--fail-on"]),
    ("inferencectl get endpoints --pool l", ["get", "endpoints", "--pool", "llm/chat"]),
    ("inferencectl get endpoints --pool=l", ["get", "endpoints", "--pool=llm/chat"]),
    ("inferencectl get endpoints sp", ["get", "endpoints", "spare"]),
    ("inferencectl get endpoints spare --output=wi",
     ["get", "endpoints", "spare", "--output=wide"]),
    ("inferencectl describe rewrite l", ["describe", "rewrite", "llm/chat"]),
    ("inferencectl traffic verify re", ["traffic", "verify", "rewrite/llm/chat"]),
    ("inferencectl traffic set rewrite/llm/chat tun",
     ["traffic", "set", "rewrite/llm/chat", "tuned-v2="]),
    ("inferencectl pick --model as", ["pick", "--model", "assistant"]),
    ("inferencectl explain InferencePool.spec.targetPorts.n",
     ["explain", "InferencePool.spec.targetPorts.number"]),
    ("inferencectl validate -f man", ["validate", "-f", "manifest.yaml"]),
    ("inferencectl validate --filename=man", ["validate", "--filename=manifest.yaml"]),
])
def test_a_word_is_completed(shell, typed, expected):
    (shell.work / "manifest.yaml").write_text("")
    words_after(shell, typed, expected)


def test_colons_do_not_split_words(shell, daemon, tmp_path):
    """The address of a daemon: bash takes it for three words."""
    socket = pathlib.Path(daemon.admin.removeprefix("unix://"))
    (tmp_path / "inferenced").mkdir()
    (tmp_path / "inferenced" / "admin.sock").symlink_to(socket)
    address = f"unix://{tmp_path}/inferenced/admin.sock"
    words_after(shell, "inferencectl status --server unix:", ["status", "--server", address])
    words_after(shell, "inferencectl status --server=un", ["status", f"--server={address}"])


def test_choices_are_listed_and_nothing_is_written_beside(shell):
    shell.type(b"inferencectl get endpoints -o " + TAB + TAB)
    shell.expect("json", "jsonl", "wide", "name")
    assert "inferencectl:" not in plain_text(shell.terminal.read()[shell.seen:])


def test_no_daemon_is_no_word_and_no_noise(shell):
    shell.type(b"inferencectl --server unix:///nowhere get pools l" + TAB + b"xy" + TAB)
    shell.expect("get pools lxy")
    shell.terminal.read()
    assert "cannot" not in plain_text(shell.terminal.output[shell.seen:])


# --- the wire ---------------------------------------------------------------------------------------


def ask(*words, **environment):
    return subprocess.run([program("inferencectl"), "__complete", "--", *words], timeout=20,
                          capture_output=True, text=True, env={**os.environ, **environment})


def test_names_of_a_stopped_daemon_come_from_the_cache(daemon, tmp_path):
    environment = {"XDG_CACHE_HOME": str(tmp_path), "INFERENCECTL_SERVER": daemon.admin}
    first = ask("get", "pools", "", **environment)
    assert (first.stdout, first.stderr, first.returncode) == ("llm/chat\n:4\n", "", 0)
    kept, = (tmp_path / "inferencectl").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    daemon.process.freeze()
    try:
        began = time.monotonic()
        second = ask("get", "pools", "", **environment)
        took = time.monotonic() - began
        assert (second.stdout, second.stderr) == ("llm/chat\n:4\n", "")
        assert took < 10, took  # 150 ms and a start; a bound for any machine
        shutil.rmtree(tmp_path / "inferencectl")
        third = ask("get", "pools", "", **environment)
        assert (third.stdout, third.stderr, third.returncode) == (":4\n", "", 0)
    finally:
        daemon.process.signal(signal.SIGCONT)


def test_kubectl_finds_the_plugin_and_its_completion(tmp_path):
    """As kubectl calls them: kubectl-inference WORDS, kubectl_complete-inference WORDS."""
    (tmp_path / "kubectl-inference").symlink_to(program("inferencectl"))
    path = f"{tmp_path}:{os.environ['PATH']}"
    plugin = subprocess.run([tmp_path / "kubectl-inference", "get", "-h"], capture_output=True,
                            text=True, check=True)
    assert "\nUsage: kubectl inference get " in plugin.stdout
    shim = pathlib.Path(__file__).parents[2] / "completions" / "kubectl_complete-inference"
    words = subprocess.run([shim, "get", "-o", "js"], capture_output=True, text=True,
                           env={**os.environ, "PATH": path})
    assert (words.stdout, words.stderr) == ("json\njsonl\njsonpath=\n:6\n", "")
