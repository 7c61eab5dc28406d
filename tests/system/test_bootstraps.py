"""The bootstraps in manifests/envoy/ as they stand: Envoy takes them, and what must be in is in."""

import subprocess

import pytest
from harness import envoy

pytestmark = pytest.mark.any_picker
OURS = {"x-gateway-destination-endpoint", "x-gateway-destination-endpoint-subset",
        "x-gateway-destination-endpoint-served", "x-gateway-destination-endpoint-fallback",
        "x-gateway-model-name-rewrite"}


@pytest.fixture(params=envoy.NAMES)
def name(request):
    return request.param


def test_envoy_accepts_the_file(name):
    path = envoy.BOOTSTRAPS / f"{name}.yaml"
    done = subprocess.run([envoy.binary(), "--mode", "validate", "-c", path],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


def test_every_shipped_bootstrap_is_tested():
    assert {p.stem for p in envoy.BOOTSTRAPS.glob("*.yaml")} == set(envoy.NAMES)


def test_guard_removes_our_headers_first(name):
    manager = envoy.connection_manager(envoy.load(name))
    mutations = manager["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
    assert {m["remove"] for m in mutations} == OURS


def test_no_cluster_keeps_the_default_circuit_breaker(name):
    for cluster in envoy.load(name)["static_resources"]["clusters"]:
        threshold = cluster["circuit_breakers"]["thresholds"][0]
        assert threshold["max_requests"] >= 50000, cluster["name"]
        assert threshold["max_pending_requests"] >= 50000, cluster["name"]


def test_picker_is_checked_and_never_tried_in_panic(name):
    cluster = envoy.cluster(envoy.load(name), "picker")
    assert cluster["health_checks"][0]["grpc_health_check"]["service_name"] == "readiness"
    assert cluster["common_lb_config"]["healthy_panic_threshold"]["value"] == 0


def test_picker_failure_is_503(name):
    pick = envoy.ext_proc_filters(envoy.load(name))[0]["typed_config"]
    assert pick["status_on_error"] == {"code": "ServiceUnavailable"}


def test_full_duplex_has_no_retry_policy(name):
    # Envoy 1.40 with a retry policy sends a full-duplex body that ends in trailers twice.
    bootstrap = envoy.load(name)
    pick = envoy.ext_proc_filters(bootstrap)[0]["typed_config"]
    if pick["processing_mode"]["request_body_mode"] == "FULL_DUPLEX_STREAMED":
        for host in envoy.connection_manager(bootstrap)["route_config"]["virtual_hosts"]:
            assert all("retry_policy" not in route["route"] for route in host["routes"])
