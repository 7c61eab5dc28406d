"""Restart and upgrade under load: the new process binds first, then the old one is told to end."""

import asyncio
import os
import shutil
import signal

import pytest
from harness.clients import connect
from harness.daemon import Daemon, program
from harness.openai import CHAT, JSON, chat
from harness.process import wait_until


class Load:
    """Clients that send until told to stop; whatever isn't a complete 200 is a failure."""

    def __init__(self, stack, clients=12):
        self.stack, self.done, self.failures = stack, 0, []
        self._running = True
        self._tasks = [stack.loop.start(self._client(n)) for n in range(clients)]

    async def _client(self, number):
        connection = await connect("1.1", self.stack.port)
        stream = number % 3 == 0
        n = 0
        while self._running:
            n += 1
            try:
                response = await asyncio.wait_for(connection.request(
                    "POST", CHAT, headers={**JSON, "x-test-tokens": "5", "x-test-delay-ms": "5"},
                    body=chat(f"client {number} request {n}", stream=stream)), 20)
                if response.status != 200:
                    self.failures.append((response.status, response.text[:200]))
                elif stream and not response.text.endswith("data: [DONE]\n\n"):
                    self.failures.append(("cut", response.text[-50:]))
                self.done += 1
            except Exception as error:  # whatever it is, it is a failed request
                self.failures.append((type(error).__name__, str(error)))
                await connection.close()
                connection = await connect("1.1", self.stack.port)
        await connection.close()

    def wait_for(self, more):
        target = self.done + more
        wait_until(lambda: self.done >= target, f"{more} more requests are done", timeout=60,
                   on_failure=lambda: str(self.failures[:5]))

    def stop(self):
        self._running = False
        for task in self._tasks:
            task.result(60)


def replace(stack, name, **arguments):
    """Starts another daemon on the same addresses, then ends the one before with SIGTERM."""
    old = stack.picker
    new = Daemon(stack.directory / name, stack.endpoints, take_over=old, name=name, **arguments)
    old.process.signal(signal.SIGTERM)
    assert old.process.wait(40) == 0, old.process.tail()
    stack.picker = new
    return new


def served(daemon):
    # By its admin socket: on the HTTP address its predecessor may still answer.
    return daemon.ctl_json("status")["item"]["totals"]["streamsOpened"]


@pytest.mark.parametrize("bootstrap", ("full-duplex", "request-only", "buffered"))
def test_restarts_under_load_without_a_failed_request(make_stack, bootstrap):
    stack = make_stack(bootstrap)
    load = Load(stack)
    try:
        load.wait_for(300)
        for n in range(5):
            new = replace(stack, f"restart-{n}")
            load.wait_for(300)
            assert served(new) > 0
    finally:
        load.stop()
    assert load.failures == []
    assert load.done >= 1800


def test_upgrade_of_the_binary_under_load(make_stack, tmp_path):
    stack = make_stack()
    # What a package upgrade does: the file is replaced while the old process runs from it.
    installed = tmp_path / "inferenced"
    shutil.copy2(program("inferenced"), installed)
    load = Load(stack)
    try:
        replace(stack, "old", binary=installed)
        load.wait_for(200)
        fresh = tmp_path / "inferenced.new"
        shutil.copy2(program("inferenced"), fresh)
        os.rename(fresh, installed)
        replace(stack, "new", binary=installed, config={"limits": {"pickTimeout": "3s"}})
        load.wait_for(200)
    finally:
        load.stop()
    assert load.failures == []


def test_stream_begun_before_the_restart_ends_whole(make_stack):
    stack = make_stack()

    async def begin():
        connection = await connect("1.1", stack.port)
        stream = await connection.start("POST", CHAT, body=chat(stream=True), headers={
            **JSON, "x-test-tokens": "5", "x-test-gate": "yes"})
        await stream.next_chunk()
        return stream
    stream = stack.loop.run(begin())
    old = stack.picker
    stack.picker = Daemon(stack.directory / "new", stack.endpoints, take_over=old, name="new")
    old.process.signal(signal.SIGTERM)
    # The new one serves while the old one still carries the stream.
    assert stack.request("1.1", "POST", CHAT, headers=JSON, body=chat()).status == 200
    wait_until(lambda: served(stack.picker) > 0, "the new process serves")
    for server in stack.servers:
        server.open_gate()
    response = stack.loop.run(stream.finish())
    assert response.text.endswith("data: [DONE]\n\n")
    assert old.process.wait(40) == 0, old.process.tail()


def test_sigterm_when_idle_ends_at_once(make_stack):
    stack = make_stack()
    stack.picker.process.signal(signal.SIGTERM)
    assert stack.picker.process.wait(5) == 0
