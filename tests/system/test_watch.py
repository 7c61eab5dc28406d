"""`inferencectl get endpoints -w` on a terminal, in a pipe, and ended by Ctrl-C."""

import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import termios

import pytest
from harness.daemon import Daemon, program
from harness.process import wait_until
from harness.terminal import Terminal

REDRAW = b"\x1b[H"


@pytest.fixture
def daemon(tmp_path):
    made = Daemon(tmp_path, {f"gpu-{n}": f"127.0.0.1:{n}" for n in range(1, 6)})
    yield made
    made.stop()


@pytest.fixture
def watch(daemon):
    terminals = []

    def start(*arguments, **options):
        terminals.append(Terminal(
            program("inferencectl"), "--server", daemon.admin, "get", "endpoints", "-w",
            "--interval", "100ms", *arguments, **options))
        return terminals[-1]
    yield start
    for terminal in terminals:
        terminal.close()


def screens(output):
    """What each redraw shows: lists of lines without escapes."""
    return [[re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", line).decode().rstrip("\r")
             for line in screen.split(b"\n")[:-1]]
            for screen in output.split(REDRAW)[1:]]


def test_it_redraws_in_place_and_ctrl_c_is_130(watch):
    terminal = watch()
    terminal.wait_for(lambda out: out.count(REDRAW) >= 4, "three redraws")
    first = screens(terminal.output)[0]
    assert len(first) >= 6 and first[0].startswith("ENDPOINT"), first
    assert [line.split()[0] for line in first if line.startswith("gpu-")] == [
        f"gpu-{n}" for n in range(1, 6)]
    assert terminal.output.count(b"\x1b[2J") == 1  # no flicker
    # A line that is too long is cut by the terminal, which wraps again afterwards.
    assert terminal.output.count(b"\x1b[?7l") == terminal.output.count(b"\x1b[?7h")
    assert b"\x1b[3" in terminal.output  # colours
    terminal.press(b"\x03")
    assert terminal.end() == 130
    assert terminal.output.rstrip().endswith((b"\x1b[?7h", b"^C")), terminal.output[-200:]


def test_a_small_window_keeps_the_headers_and_a_resize_is_followed(watch):
    terminal = watch("--no-headers", "--color", "never", rows=4)
    terminal.wait_for(lambda out: out.count(REDRAW) >= 2, "it draws")
    small = screens(terminal.output)[0]
    assert len(small) == 3 and small[0].startswith("gpu-1") and small[-1].startswith("… "), small
    terminal.resize(40, 80)
    terminal.wait_for(lambda out: any(len(screen) >= 5 for screen in screens(out)),
                      "the larger window is used")
    terminal.resize(4, 80)
    terminal.wait_for(lambda out: len(screens(out)[-2]) == 3, "and the smaller one again")


def test_no_color_redraws_without_colours(watch):
    terminal = watch(env={"NO_COLOR": "1"})
    terminal.wait_for(lambda out: out.count(REDRAW) >= 3, "it redraws")
    assert not re.search(rb"\x1b\[[0-9;]*m", terminal.output)


def test_a_dumb_terminal_gets_no_escapes_at_all(watch):
    terminal = watch(env={"TERM": "dumb"})
    terminal.wait_for(lambda out: out.count(b"gpu-5") >= 3, "it appends")
    assert b"\x1b" not in terminal.output
    assert terminal.output.count(b"ENDPOINT") == 1
    terminal.press(b"\x03")
    assert terminal.end() == 130


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_in_a_pipe_it_appends_and_a_signal_ends_it(daemon, tmp_path, number, code):
    output = tmp_path / "output"
    with open(output, "wb") as file:
        child = subprocess.Popen(
            [program("inferencectl"), "--server", daemon.admin, "get", "endpoints", "-w", "-o", "jsonl",
             "--interval", "100ms"], stdout=file, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    try:
        wait_until(lambda: output.read_bytes().count(b"\n") >= 15, "three looks")
    finally:
        child.send_signal(number)
    assert child.wait(15) == code
    names = [json.loads(line)["name"] for line in output.read_text().splitlines()]
    assert names[:5] == names[5:10] == [f"gpu-{n}" for n in range(1, 6)]


def test_the_reader_of_the_pipe_goes_away(daemon):
    child = subprocess.Popen(
        [program("inferencectl"), "--server", daemon.admin, "get", "endpoints", "-w", "--interval",
         "100ms"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert child.stdout.readline().startswith(b"ENDPOINT")
    child.stdout.close()
    assert child.wait(15) in (141, -signal.SIGPIPE)


def test_a_second_ctrl_c_ends_it_where_the_first_could_not(daemon):
    """Nobody reads the pipe, so that the program stands in the middle of a line."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    child = subprocess.Popen(
        [program("inferencectl"), "--server", daemon.admin, "get", "endpoints", "-w", "-o", "jsonl",
         "--interval", "100ms"], stdout=write, stdin=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    os.close(write)
    try:
        def pending():
            return struct.unpack("i", fcntl.ioctl(read, termios.FIONREAD, b"\0" * 4))[0]
        seen = [-1]

        def stands_still():
            seen.append(pending())
            return seen[-1] == seen[-2] > 0
        wait_until(stands_still, "the pipe is full", interval=0.5)
        child.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.3)
        child.send_signal(signal.SIGINT)
        assert child.wait(15) == 130
    finally:
        child.kill()
        child.wait()
        os.close(read)


def test_ctrl_c_ends_a_wait_for_a_daemon_that_does_not_answer(daemon):
    daemon.process.freeze()
    terminal = Terminal(program("inferencectl"), "--server", daemon.admin, "-v", "get", "pools",
                        "--timeout", "1m")
    try:
        terminal.wait_for(lambda out: b"daemon: " in out, "it asks")
        terminal.press(b"\x03")
        assert terminal.end() in (130, -signal.SIGINT)
    finally:
        daemon.process.signal(signal.SIGCONT)
        terminal.close()


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help", "get"], ["help", "codes"]])
def test_help_fits_a_terminal_of_80_columns_and_has_no_escapes(words):
    terminal = Terminal(program("inferencectl"), *words)
    try:
        assert terminal.end() == 0
        assert b"\x1b" not in terminal.output
        lines = terminal.output.decode().split("\r\n")
        assert max(map(len, lines)) <= 80, max(lines, key=len)
    finally:
        terminal.close()


@pytest.mark.parametrize("environment, colored", [
    ({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False),
    ({"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, False)])
def test_findings_are_coloured_on_a_terminal_only(tmp_path, environment, colored):
    (tmp_path / "bad.yaml").write_text("kind: InferencePool\n")
    terminal = Terminal(program("inferencectl"), "validate", "-f", tmp_path / "bad.yaml",
                        env=environment)
    try:
        assert terminal.end() == 1
        assert (b"\x1b[" in terminal.output) == colored, terminal.output
    finally:
        terminal.close()
    piped = subprocess.run([program("inferencectl"), "validate", "-f", tmp_path / "bad.yaml"],
                           capture_output=True, stdin=subprocess.DEVNULL)
    assert b"\x1b" not in piped.stdout + piped.stderr and piped.returncode == 1
