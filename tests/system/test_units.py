"""manifests/systemd: units that systemd takes, tight, and without what breaks a socket-activated service."""

import pathlib
import re
import shutil
import stat
import subprocess

import pytest
from harness.daemon import program
from harness.envoy import ROOT

UNITS = ROOT / "manifests" / "systemd"
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"),
                                   reason="package systemd is missing: tests/setup.sh installs it")


def run(*command):
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def units(tmp_path):
    """The units, with the programs of the build in place of installed ones."""
    for name in ("inferenced", "inferencectl"):
        (tmp_path / name).symlink_to(program(name))
    for unit in UNITS.iterdir():
        if unit.suffix in (".service", ".socket"):
            text = re.sub(r"^(Exec\w+=)/usr/bin/", rf"\g<1>{tmp_path}/", unit.read_text(), flags=re.M)
            (tmp_path / unit.name).write_text(text)
    return tmp_path


def settings():
    return [tuple(line.split("=", 1)) for line in (UNITS / "inferenced.service").read_text().splitlines()
            if "=" in line and not line.startswith("#")]


@needs_systemd
def test_systemd_takes_the_units_as_they_are(units):
    files = sorted(units.glob("*.s*[et]"))
    assert len(files) == 3
    code, output = run("systemd-analyze", "verify", "--recursive-errors=yes", "--man=no", *files)
    assert (code, output) == (0, "")


@needs_systemd
def test_the_service_is_confined(units):
    # 1.3 of 10 with systemd 252; what is left it needs: sockets, the network, users' names.
    code, output = run("systemd-analyze", "security", "--offline=true", "--threshold=15", units / "inferenced.service")
    assert code == 0, output


def test_nothing_takes_the_sockets_away():
    keys = {key for key, _ in settings()}
    # Removed at every stop, with the socket unit's file in it.
    assert "RuntimeDirectory" not in keys
    # Whoever asks over the admin socket would look like nobody.
    assert "PrivateUsers" not in keys
    # At a limit of starts, restarts by hand among them, systemd closes the sockets with the service.
    assert ("StartLimitIntervalSec", "0") in settings()
    # A missing file would fail the start.
    assert "LoadCredential" not in keys
    # The folder stays root's: without others' right to read it the service is locked out.
    assert ("ConfigurationDirectoryMode", "0755") in settings()
    assert ("SupplementaryGroups", "inferenced-admin") in settings()


def test_the_command_lines_are_the_programs_own(units):
    for key, command in settings():
        if not key.startswith("Exec"):
            continue
        name, *arguments = re.sub(r'"[^"]*"', "text", command.removeprefix("/usr/bin/")).split()
        arguments = [a.replace("/etc/", f"{units}/").replace("/run/", f"{units}/") for a in arguments]
        code, output = run(program(name), *arguments)  # there is no such file, no such socket
        assert code != 2, f"{command}: {output}"  # 2: wrong usage


@needs_systemd
def test_group_and_folder_are_made(tmp_path):
    (tmp_path / "etc").mkdir()
    assert run("systemd-sysusers", f"--root={tmp_path}", UNITS / "sysusers.conf")[0] == 0
    assert re.search(r"^inferenced-admin:", (tmp_path / "etc" / "group").read_text(), re.M)
    code, output = run("systemd-tmpfiles", f"--root={tmp_path}", "--create", UNITS / "tmpfiles.conf")
    assert code == 0, output
    folder = tmp_path / "run" / "inferenced"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_the_socket_units_name_what_the_daemon_knows():
    names = {path.name: re.search(r"^FileDescriptorName=(\w+)$", path.read_text(), re.M)[1]
             for path in pathlib.Path(UNITS).glob("*.socket")}
    assert names == {"inferenced.socket": "extproc", "inferenced-admin.socket": "admin"}
