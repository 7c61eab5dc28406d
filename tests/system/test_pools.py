"""Several pools behind one Envoy, and what filters before ours may say about the choice."""

import contextlib
import json
import uuid

import pytest
from harness import envoy
from harness.daemon import endpoints_manifest, pool_manifest, write_manifests
from harness.model_server import ModelServer
from harness.openai import CHAT, JSON, chat

_PER_ROUTE = "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute"
_SET_METADATA = "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config"
FIELD = "x-gateway-destination-endpoint"
EXT_PROC = "envoy.filters.http.ext_proc"
POOLS = ("red", "blue")


def route_first(bootstrap, name, prefix, pool=None):
    """Adds a route before the others; `pool` goes to the picker as x-inference-pool."""
    routes = envoy.connection_manager(bootstrap)["route_config"]["virtual_hosts"][0]["routes"]
    route = {"name": name, "match": {"prefix": prefix},
             "route": {**routes[-1]["route"], "prefix_rewrite": "/"}}
    if pool:
        route["typed_per_filter_config"] = {EXT_PROC: {"@type": _PER_ROUTE, "overrides": {
            "grpc_initial_metadata": [{"key": "x-inference-pool", "value": pool}]}}}
    routes.insert(0, route)


@pytest.fixture(params=envoy.NAMES)
def two_pools(request, make_stack, loop, tmp_path):
    """Pools llm/red and llm/blue of two servers each, beside the usual llm/chat, which is empty."""
    with contextlib.ExitStack() as cleanup:
        servers = {pool: [ModelServer(loop, f"{pool}-{n}") for n in range(2)] for pool in POOLS}
        for server in sum(servers.values(), []):
            cleanup.callback(server.die)
        documents = []
        for pool in POOLS:
            documents += [pool_manifest(pool, app=pool), endpoints_manifest(
                {s.name: s.address for s in servers[pool]}, name=pool, app=pool)]
        write_manifests(tmp_path / "pools.yaml", *documents)

        def routes(bootstrap):
            route_first(bootstrap, "hinted-red", "/hinted-red/", "llm/red")
            route_first(bootstrap, "hinted-blue", "/hinted-blue/", "llm/blue")
            route_first(bootstrap, "hinted-none", "/hinted-none/", "llm/nowhere")
            route_first(bootstrap, "named-red", "/named-red/")
            route_first(bootstrap, "named-blue", "/named-blue/")
            # The gateway's word counts for more than the route's name.
            route_first(bootstrap, "named-red", "/both/", "llm/blue")
        every = {s.name: s.address for s in sum(servers.values(), [])}
        stack = make_stack(request.param, endpoints=every, edit=routes, config={
            "manifests": ["manifests.d", str(tmp_path)],
            "routes": {"named-red": "llm/red", "named-blue": "llm/blue"}})
        stack.servers_of = servers
        yield stack


def post(stack, prefix="", **headers):
    return stack.request("1.1", "POST", prefix + CHAT, headers={**JSON, **headers},
                         body=chat(uuid.uuid4().hex))


@pytest.mark.parametrize("prefix, pool", [
    ("/hinted-red", "red"), ("/hinted-blue", "blue"), ("/named-red", "red"), ("/named-blue", "blue"),
    ("/both", "blue")])
def test_pool_is_the_gateways_word_else_the_routes(two_pools, prefix, pool):
    names = {s.name for s in two_pools.servers_of[pool]}
    served = {post(two_pools, prefix).headers["x-served-by"] for _ in range(12)}
    assert served == names
    request_id = uuid.uuid4().hex
    assert post(two_pools, prefix, **{"x-request-id": request_id}).status == 200
    assert two_pools.daemon.why(request_id)["pool"] == f"llm/{pool}"
    response = two_pools.request("1.1", "GET", f"{prefix}/v1/models")
    assert response.headers["x-served-by"] in names


@pytest.mark.parametrize("prefix", ["/hinted-none", ""], ids=["unknown", "nothing-said"])
def test_request_of_no_known_pool_is_404_in_openai_form(two_pools, prefix):
    response = post(two_pools, prefix)
    assert response.status == 404
    assert response.headers["content-type"].startswith("application/json")
    error = json.loads(response.text)["error"]
    assert error["message"] and error["type"]
    assert two_pools.request("1.1", "GET", f"{prefix}/v1/models").status == 404


def test_client_cannot_choose_the_pool(two_pools):
    names = {s.name for s in two_pools.servers_of["red"]}
    for _ in range(6):
        response = post(two_pools, "/named-red", **{"x-inference-pool": "llm/blue"})
        assert response.headers["x-served-by"] in names


# --- the subset hint --------------------------------------------------------------------------------

def subset(addresses):
    """An edit: a filter before ext_proc that narrows the choice."""
    def edit(bootstrap):
        envoy.connection_manager(bootstrap)["http_filters"].insert(0, {
            "name": "envoy.filters.http.set_metadata",
            "typed_config": {"@type": _SET_METADATA, "metadata": [{
                "metadata_namespace": "envoy.lb.subset_hint",
                "value": {f"{FIELD}-subset": addresses}}]}})
    return edit


@pytest.fixture
def servers(loop):
    made = [ModelServer(loop, f"server-{n}") for n in range(4)]
    yield made
    for server in made:
        server.die()


@pytest.mark.parametrize("bootstrap", envoy.NAMES)
def test_filter_before_ours_narrows_the_choice(make_stack, servers, bootstrap):
    allowed = servers[1:3]
    stack = make_stack(bootstrap, endpoints={s.name: s.address for s in servers},
                       edit=subset([s.address for s in allowed]))
    served = {post(stack).headers["x-served-by"] for _ in range(16)}
    assert served == {s.name for s in allowed}
    # The client's own word on it is no word.
    for _ in range(6):
        response = post(stack, **{f"{FIELD}-subset": servers[0].address, FIELD: servers[3].address})
        assert response.headers["x-served-by"] in served
    request_id = uuid.uuid4().hex
    post(stack, **{"x-request-id": request_id})
    assert stack.daemon.why(request_id)["considered"] == 2


@pytest.mark.parametrize("bootstrap", envoy.NAMES)
def test_subset_of_strangers_is_503_not_another_server(make_stack, servers, bootstrap):
    stack = make_stack(bootstrap, endpoints={s.name: s.address for s in servers},
                       edit=subset(["127.0.0.1:9"]))
    response = post(stack)
    assert response.status == 503
    assert json.loads(response.text)["error"]["message"]
    assert not any(s.seen for s in servers)
