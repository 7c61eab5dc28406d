"""inferencectl test: unit tests of routing behaviour, run by the real program."""

import json
import subprocess
import xml.etree.ElementTree

import pytest
import yaml

from harness.daemon import endpoints_manifest, pool_manifest, program


def run(*arguments, expect, cwd=None):
    done = subprocess.run([program("inferencectl"), "test", *map(str, arguments)], cwd=cwd,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def case(name, expect, request=None, **more):
    return {"name": name, **({"request": request} if request is not None else {}), **more,
            "expect": expect}


@pytest.fixture
def folder(tmp_path):
    """A fleet of three, and a function that writes tests for it."""
    manifests = tmp_path / "manifests.d"
    manifests.mkdir()
    (manifests / "all.yaml").write_text(yaml.safe_dump_all([
        pool_manifest(), endpoints_manifest({f"gpu-{i}": f"127.0.0.1:{8000 + i}" for i in range(3)})]))

    def write(*cases, name="routing_test.yaml", **spec):
        path = tmp_path / name
        path.write_text(yaml.safe_dump({
            "apiVersion": "inferenced.dev/v1alpha1", "kind": "RoutingTest",
            "metadata": {"name": "fleet"},
            "spec": {"manifests": ["manifests.d"], **spec, "cases": list(cases)}}))
        return path
    write.folder = tmp_path
    return write


HELLO = {"model": "m", "prompt": "Hello"}
NEW = {"model": "m", "tokens": 200}
BUSY = [{"name": "gpu-0", "waiting": 9, "kvUsage": 0.9}, {"name": "gpu-1", "waiting": 3, "kvUsage": 0.5}]


def test_the_idle_one_is_picked_and_the_ranking_holds(folder):
    path = folder(
        case("idle wins", {"endpoint": "gpu-2", "ranking": ["gpu-2", "gpu-1", "gpu-0"]}, HELLO),
        case("unless it is down", {"endpoint": "gpu-1", "noneOf": ["gpu-0"]}, HELLO,
             endpoints=[{"name": "gpu-2", "state": "unreachable"}]),
        endpoints=BUSY)
    done = run(path, expect=0)
    assert done.stdout.splitlines() == [f"ok    {path}: idle wins", f"ok    {path}: unless it is down"]
    assert done.stderr == "2 passed, 0 failed\n"


def test_what_fails_says_why_with_scores(folder):
    path = folder(
        case("wrong", {"endpoint": "gpu-0", "ranking": ["gpu-0", "gpu-2"]}, HELLO),
        case("right", {"endpoint": "gpu-2"}, HELLO), endpoints=BUSY)
    done = run(path, "-o", "text", "-o", f"junit={folder.folder}/out.xml", expect=1)
    assert "expected gpu-0, but it went to gpu-2 (1)" in done.stdout
    assert "before gpu-2" in done.stdout and "queue-scorer" in done.stdout
    suites = xml.etree.ElementTree.parse(folder.folder / "out.xml").getroot()
    assert suites.attrib["tests"] == "2" and suites.attrib["failures"] == "1"
    assert [c.attrib["name"] for c in suites.iter("testcase")] == ["wrong", "right"]
    assert len(list(suites.iter("failure"))) == 1
    report = json.loads(run(path, "-o", "json", expect=1).stdout)
    assert [i["passed"] for i in report["items"]] == [False, True]
    assert report["items"][0]["picks"] == {"gpu-2": 1}


def test_prefixes_of_earlier_requests_are_remembered(folder):
    prompt = {"model": "m", "prompt": "word " * 2000}
    path = folder(
        case("where its prefix is", {"endpoint": "gpu-2"}, prompt,
             endpoints=[{"name": "gpu-2", "waiting": 0}], before=[prompt]),
        case("each case starts anew", {"anyOf": ["gpu-2"]}, prompt),
        endpoints=[{"name": "gpu-0", "waiting": 5}, {"name": "gpu-1", "waiting": 5},
                   {"name": "gpu-2", "waiting": 5}])
    # In the first case gpu-2 is idle, so the earlier request went there too.
    done = run(path, "--filter", "prefix", expect=0)
    assert done.stderr == "1 passed, 0 failed\n"


def test_a_burst_spreads_and_shares_are_judged(folder):
    path = folder(
        case("a burst spreads", {"distribution": {f"gpu-{i}": 0.3333 for i in range(3)},
                                 "tolerance": 0.02}, NEW, times=300, atOnce=True),
        case("shares must hold", {"distribution": {"gpu-0": 0.9}}, NEW, times=300, atOnce=True))
    done = run(path, expect=1)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ok    ") and lines[1].startswith("FAIL  ")
    assert "expected a share of 0.9 ±" in lines[2] and "(100 of 300)" in lines[2]


def test_refusals_and_findings(folder):
    path = folder(
        case("no endpoint is allowed", {"refused": "503"}, {**HELLO, "subset": ["10.0.0.1:1"]}),
        case("by its reason", {"refused": "NoEndpoints"}, {**HELLO, "subset": ["10.0.0.1:1"]}),
        case("nothing is wrong", {"findings": []}),
        case("it isn't refused", {"refused": "429"}, HELLO))
    done = run(path, expect=1)
    assert [line[:4] for line in done.stdout.splitlines() if not line.startswith(" ")] == [
        "ok  ", "ok  ", "ok  ", "FAIL"]
    with open(folder.folder / "manifests.d" / "bad.yaml", "w") as bad:
        bad.write(yaml.safe_dump(pool_manifest("lonely", namespace="other")))
    path = folder(case("a pool that selects nothing", {"findings": ["selects-nothing"]}))
    assert "was not expected" not in run(path, expect=0).stdout


def test_bodies_are_parsed_as_the_data_plane_does(folder):
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hello"}]})
    path = folder(case("a chat", {"anyOf": ["gpu-0", "gpu-1", "gpu-2"]}, {"body": body}),
                  case("no JSON", {"endpoint": "gpu-0"}, {"body": "{"}))
    done = run(path, expect=1)
    assert "the body would be answered with 400" in done.stdout


@pytest.mark.parametrize("change, said", [
    ({"expect": {"endpont": "gpu-0"}}, "endpont"),
    ({"expect": {}}, "expects nothing"),
    ({"request": {"model": "m", "prompt": "x", "tokens": 3}}, "one of prompt, tokens and body"),
    ({"endpoints": [{"name": "gpu-0", "kvUsage": 40}]}, "kvUsage"),
])
def test_mistakes_in_tests_have_their_place(folder, change, said):
    path = folder({**case("a", {"endpoint": "gpu-0"}, HELLO), **change})
    done = run(path, expect=3)
    assert said in done.stderr and f"{path}:" in done.stderr
    assert done.stdout == ""


def test_a_server_that_is_not_there_and_a_folder_without_tests(folder, tmp_path):
    path = folder(case("a", {"endpoint": "gpu-0"}, HELLO), endpoints=[{"name": "gpu-O"}])
    assert "did you mean 'gpu-0'" in run(path, expect=1).stdout
    done = run(tmp_path / "manifests.d", expect=3)
    assert "there is no RoutingTest in 1 file" in done.stderr
    # Among other files of a folder the tests are found.
    assert "FAIL" in run(tmp_path, expect=1).stdout


def test_the_same_seed_gives_the_same_picks(folder):
    picker = folder.folder / "picker.yaml"
    picker.write_text(yaml.safe_dump({
        "apiVersion": "llm-d.ai/v1alpha1", "kind": "EndpointPickerConfig",
        "plugins": [{"type": "random-picker"}, {"type": "single-profile-handler"}],
        "schedulingProfiles": [{"name": "default", "plugins": [{"pluginRef": "random-picker"}]}]}))
    cases = [case(f"seed {seed}", {"anyOf": ["gpu-0", "gpu-1", "gpu-2"]}, HELLO, times=500, seed=seed)
             for seed in (1, 2)]
    path = folder(*cases, pickerConfig="picker.yaml")

    def picks():
        return [i["picks"] for i in json.loads(run(path, "-o", "json", expect=0).stdout)["items"]]
    first = picks()
    assert first == picks() and first[0] != first[1]
    assert all(100 < n < 240 for n in first[0].values()) and len(first[0]) == 3
