"""Fixtures of the system tests: real Envoy, the real daemon, model servers that record.

The programs come from build/release, or from INFERENCE_BUILD_DIR. Each test that fails leaves its
configurations and logs in build/test-artifacts/NAME and shows the logs' last lines.
"""

import os
import pathlib
import re
import resource
import shutil
import signal
import sys
import uuid

import pytest

# Else gRPC restarts its threads in a forked child, which abort when the child closes their descriptors
# before it becomes another program.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import envoy as envoy_module  # noqa: E402
from harness.clients import request as http_request  # noqa: E402
from harness.daemon import Daemon, ReferencePicker  # noqa: E402
from harness.loop import BackgroundLoop  # noqa: E402
from harness.model_server import ModelServer  # noqa: E402

ARTIFACTS = pathlib.Path(os.environ.get(
    "INFERENCE_TEST_ARTIFACTS", envoy_module.ROOT / "build" / "test-artifacts"))


def pytest_addoption(parser):
    parser.addoption("--picker", choices=["daemon", "reference"], default="daemon",
                     help="reference: a plain picker in place of inferenced, to judge the "
                          "bootstraps and the tests; runs only what needs no more than that")
    parser.addoption("--soak", action="store_true", help="also run the tests that take minutes")


def pytest_configure(config):
    # A shell's background job ignores SIGINT, and what it starts inherits that: Ctrl-C tested in vain.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Thousands of streams need thousands of descriptors, in children too.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    config.addinivalue_line("markers", "any_picker: also holds with --picker=reference")
    config.addinivalue_line("markers", "soak: takes minutes; only with --soak")


def pytest_collection_modifyitems(config, items):
    def keep(item):
        if "soak" in item.keywords and not config.getoption("--soak"):
            return False
        return config.getoption("--picker") == "daemon" or "any_picker" in item.keywords
    config.hook.pytest_deselected(items=[item for item in items if not keep(item)])
    items[:] = [item for item in items if keep(item)]


@pytest.fixture(autouse=True, scope="session")
def state_directory(tmp_path_factory):
    """No daemon of a test keeps anything where one of this machine would."""
    os.environ["STATE_DIRECTORY"] = str(tmp_path_factory.mktemp("state"))
    yield
    del os.environ["STATE_DIRECTORY"]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        item.session.stash.setdefault(_failed, set()).add(item.nodeid)
        for stack in _stacks_of(item):
            stack.keep = True
            for log in sorted(stack.directory.rglob("*.log")):
                tail = log.read_text(errors="replace").splitlines()[-25:]
                report.sections.append((f"{log}", "\n".join(tail)))


_failed = pytest.StashKey()


def _stacks_of(item):
    found = []
    for value in getattr(item, "funcargs", {}).values():
        if isinstance(value, Stack):
            found.append(value)
        elif isinstance(value, StackMaker):
            found += value.stacks
    return found


class Stack:
    """Client → Envoy → picker, and model servers behind."""

    def __init__(self, loop, bootstrap, directory, picker="daemon", servers=3, endpoints=None,
                 config=None, edit=None, workers=2, picker_address=None):
        """`endpoints` {name: "host:port"} are used in place of our own recording model servers.
        Envoy goes to `picker_address`, a listener in `config`, instead of the usual one."""
        self.loop, self.bootstrap, self.directory = loop, bootstrap, directory
        self.keep = False
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self.servers = [] if endpoints else [ModelServer(loop, f"server-{n}") for n in range(servers)]
        self.endpoints = endpoints or {s.name: s.address for s in self.servers}
        self.picker = self.envoy = None
        try:
            if picker == "daemon":
                self.picker = Daemon(directory, self.endpoints, config)
            else:
                self.picker = ReferencePicker(directory, self.endpoints)
            self.envoy = envoy_module.Envoy(
                bootstrap, directory, picker_address or self.picker.address,
                list(self.endpoints.values()), edit, workers)
            self.envoy.wait_for_picker()
        except BaseException:
            self.close()
            raise

    @property
    def daemon(self):
        return self.picker

    @property
    def port(self):
        return self.envoy.port

    def request(self, version, method, path, timeout=30, **arguments):
        """One request through Envoy on a connection of its own."""
        return self.loop.run(
            http_request(version, self.port, method, path, **arguments), timeout)

    def send(self, version, method, path, headers=None, **arguments):
        """As request(), and gives also what the model servers saw of it: (response, [Seen])."""
        test_id = uuid.uuid4().hex
        response = self.request(version, method, path,
                                headers={"x-test-id": test_id, **(headers or {})}, **arguments)
        return response, [s for server in self.servers for s in server.find(test_id)]

    def restart_picker(self):
        """Another picker in the place of one that was killed."""
        kind = type(self.picker)
        self.picker = kind(self.directory, self.endpoints, port=self.picker.port)
        self.envoy.wait_for_picker()

    def close(self):
        errors = []
        for part in (self.envoy, self.picker):
            try:
                if part:
                    part.stop()
            except AssertionError as error:
                errors.append(str(error))
        for server in self.servers:
            server.die()
        if errors:
            self.keep = True
            pytest.fail("\n".join(errors))
        if not self.keep:
            shutil.rmtree(self.directory, ignore_errors=True)


class StackMaker:
    """Makes stacks that live as long as one test."""

    def __init__(self, loop, directory, picker):
        self.loop, self.directory, self.picker, self.stacks = loop, directory, picker, []

    def __call__(self, bootstrap="full-duplex", **arguments):
        directory = self.directory / f"stack-{len(self.stacks)}"
        stack = Stack(self.loop, bootstrap, directory, self.picker, **arguments)
        self.stacks.append(stack)
        return stack


def _directory(name):
    return ARTIFACTS / re.sub(r"[^\w.-]+", "_", name)


@pytest.fixture(scope="session")
def loop():
    background = BackgroundLoop()
    yield background
    background.close()


@pytest.fixture(scope="session", params=envoy_module.NAMES)
def stack(request, loop):
    """One running stack per bootstrap, shared: for tests that leave everything as it was."""
    made = Stack(loop, request.param, _directory(f"shared-{request.param}"),
                 request.config.getoption("--picker"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def full_duplex(request, loop):
    """A shared stack, for tests of the daemon that only need one bootstrap."""
    made = Stack(loop, "full-duplex", _directory("shared-daemon"),
                 request.config.getoption("--picker"))
    yield made
    made.close()


@pytest.fixture
def make_stack(request, loop):
    maker = StackMaker(loop, _directory(request.node.nodeid.split("/")[-1]),
                       request.config.getoption("--picker"))
    yield maker
    for stack_ in maker.stacks:
        stack_.close()
    if not any(s.keep for s in maker.stacks):
        shutil.rmtree(maker.directory, ignore_errors=True)
