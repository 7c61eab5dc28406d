"""`inferencectl get endpoints -w` on a terminal, in a pipe, and ended by Ctrl-C."""

import json
import re
import signal
import subprocess

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
