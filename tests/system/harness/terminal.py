"""A program on a pseudo-terminal, driven by keys."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios

from .process import wait_until


class Terminal:
    """A command on a pseudo-terminal of its own."""

    def __init__(self, *command, rows=24, columns=80, env=None, cwd=None):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        inherited = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "CLICOLOR_FORCE")}
        self.child = subprocess.Popen(
            [str(part) for part in command], stdin=slave, stdout=slave, stderr=slave,
            env={**inherited, "TERM": "xterm-256color", **(env or {})}, start_new_session=True, cwd=cwd,
            preexec_fn=self._take_terminal)
        os.close(slave)
        self.output = b""

    @staticmethod
    def _take_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        # Whoever runs the tests in the background ignores it, and children inherit that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        """All output so far."""
        while select.select([self.master], [], [], 0.01)[0]:
            try:
                piece = os.read(self.master, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            self.output += piece
        return self.output

    def wait_for(self, condition, what):
        wait_until(lambda: condition(self.read()), what, on_failure=lambda: repr(self.output[-2000:]))

    def press(self, keys):
        os.write(self.master, keys)

    def end(self):
        """The exit code."""
        wait_until(lambda: (self.read(), self.child.poll())[1] is not None, "it ends")
        return self.child.returncode

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self.master)
