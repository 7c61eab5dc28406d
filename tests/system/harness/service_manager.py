"""What systemd does for a service, as far as the tests need it: a notify socket, sockets that it holds."""

import ctypes
import os
import socket
import sys
import time

from .process import wait_until


class NotifySocket:
    """A socket for NOTIFY_SOCKET; each message is a list of its lines, with the time it came."""

    def __init__(self, directory):
        self.path = str(directory / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.setblocking(False)
        self._messages = []

    def messages(self):
        """All so far: [(monotonic time, [line])]."""
        while True:
            try:
                text = self._socket.recv(65536).decode()
            except BlockingIOError:
                return self._messages
            self._messages.append((time.monotonic(), text.splitlines()))

    def lines(self):
        return [line for _, message in self.messages() for line in message]

    def count(self, line):
        return self.lines().count(line)

    def status(self):
        """The last STATUS."""
        return next((line.removeprefix("STATUS=") for line in reversed(self.lines())
                     if line.startswith("STATUS=")), None)

    def wait_for(self, line, times=1, timeout=15.0):
        wait_until(lambda: self.count(line) >= times, f"{line} was sent {times} times", timeout,
                   on_failure=lambda: "\n".join(self.lines()))

    def close(self):
        self._socket.close()


# Becomes the program with the sockets at 3, 4, ..., as sd_listen_fds(3) has it.
_ACTIVATE = """
import os, sys
names, fds, command = sys.argv[1], [int(fd) for fd in sys.argv[2].split(",")], sys.argv[3:]
copies = [os.dup2(fd, 100 + n) for n, fd in enumerate(fds)]
for n, fd in enumerate(copies):
    os.dup2(fd, 3 + n)
os.environ.update(LISTEN_FDS=str(len(fds)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""


def activated(sockets, command):
    """(command, descriptors to pass): runs `command` with the sockets {name: socket} of its service manager."""
    fds = [s.fileno() for s in sockets.values()]
    return ([sys.executable, "-c", _ACTIVATE, ":".join(sockets), ",".join(map(str, fds)),
             *[str(part) for part in command]], fds)


_PTRACE_SEIZE, _PTRACE_INTERRUPT, _PTRACE_DETACH = 0x4206, 0x4207, 17
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class StoppedThread:
    """A thread of a process that stands still until the block ends; the others run on."""

    def __init__(self, pid, name):
        tasks = f"/proc/{pid}/task"
        self.tid = next(int(tid) for tid in os.listdir(tasks)
                        if open(f"{tasks}/{tid}/comm", encoding="utf-8").read().strip() == name)

    def _ptrace(self, request):
        if _libc.ptrace(request, self.tid, None, None) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def __enter__(self):
        self._ptrace(_PTRACE_SEIZE)
        self._ptrace(_PTRACE_INTERRUPT)
        os.waitpid(self.tid, 0x40000000)  # __WALL
        return self

    def __exit__(self, *_):
        self._ptrace(_PTRACE_DETACH)
