"""Child processes with captured output, readiness waits and free ports."""

import ctypes
import errno
import os
import pathlib
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_given_ports = set()


def _may_be_bound(port):
    for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as probe:
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return False
                if error.errno != errno.EADDRNOTAVAIL:  # a machine without IPv6
                    raise
    return True


def free_port(count=1):
    """The first of `count` TCP ports in a row that nothing uses; never the same one twice in a run.

    They are of the range that the kernel takes no outgoing connection's port from: such a connection,
    made before the port is listened on, would be in the way. Nor are they among the quickstart's.
    """
    range_file = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
    lowest, highest = map(int, range_file.read_text().split())
    choices = [*range(10100, lowest), *range(highest + 1, 65536)]
    while True:
        first = random.choice(choices)
        ports = range(first, first + count)
        if ports[-1] in choices and _given_ports.isdisjoint(ports) and all(map(_may_be_bound, ports)):
            _given_ports.update(ports)
            return first


def host_port(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def wait_until(condition, what, timeout=15.0, interval=0.02, on_failure=lambda: ""):
    """Polls until `condition()` is true and returns its value; AssertionError naming `what`."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout:g} s still not: {what}\n{on_failure()}")
        time.sleep(interval)


def http_get(url, timeout=2.0):
    """(status, text), or (0, reason) when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (OSError, ValueError) as error:
        return 0, str(error)


class Process:
    """A child whose stdout and stderr go to `log`; dies with the test run."""

    def __init__(self, name, command, log, env=None, cwd=None, pass_fds=()):
        self.name = name
        self.log = log
        with open(log, "ab") as output:
            self.child = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, cwd=cwd, env={**os.environ, **(env or {})}, pass_fds=pass_fds,
                preexec_fn=lambda: _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL))

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def tail(self, lines=40):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"--- last lines of {self.name} ({self.log}) ---\n" + "\n".join(
            text.splitlines()[-lines:])

    def wait_until(self, condition, what, timeout=15.0):
        """Like the function, and fails at once when the process has ended."""
        def check():
            if not self.alive():
                raise AssertionError(
                    f"{self.name} ended with {self.child.returncode} before: {what}\n{self.tail()}")
            return condition()
        return wait_until(check, f"{self.name}: {what}", timeout, on_failure=self.tail)

    def signal(self, number):
        self.child.send_signal(number)

    def freeze(self):
        """SIGSTOP, and waits: a thread on another processor goes on for a moment."""
        self.signal(signal.SIGSTOP)

        def stopped():
            tasks = pathlib.Path(f"/proc/{self.pid}/task").iterdir()
            return all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks)
        wait_until(stopped, f"{self.name} is stopped", interval=0.001)

    def wait(self, timeout=15.0):
        """The exit code (negative: the signal that ended it)."""
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {timeout:g} s\n{self.tail()}") from None

    def stop(self, timeout=15.0):
        """SIGTERM and wait; SIGKILL and an error when that isn't enough."""
        if self.alive():
            self.signal(signal.SIGTERM)
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} ignored SIGTERM for {timeout:g} s\n{self.tail()}") from None

    def kill(self):
        if self.alive():
            self.child.kill()
        self.child.wait()
