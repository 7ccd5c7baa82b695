import pytest

from support import AJAX, API, exchange, expect_error, raw_status, unique

HOST_TEXT = "Invalid Host header - possible DNS rebinding attack detected"
ORIGIN_TEXT = "Cross-origin request blocked"

GOOD_HOSTS = [
    "localhost",
    "localhost:5000",
    "LOCALHOST",
    "LocalHost:80",
    "localhost.",
    "localhost.:5000",
    "127.0.0.1",
    "127.0.0.1:65535",
    "127.0.0.2",
    "127.255.255.254:1",
    "0.0.0.0",
    "0.0.0.0:80",
    "[::1]",
    "[::1]:8080",
    "10.0.0.0",
    "10.255.255.255:5000",
    "172.16.0.1",
    "172.31.255.255:1",
    "192.168.0.1",
    "192.168.255.255:5000",
    "[fc00::1]",
    "[fd00::1]:5000",
    "[fd12:3456::1]",
    "[FD12::1]:80",
]
BAD_HOSTS = [
    "evil.com",
    "evil.com:5000",
    "10.evil.com",
    "10.1.2.3.evil.com",
    "192.168.evil.com:80",
    "192.168.1.1.evil.com",
    "172.16.x",
    "localhost.evil.com",
    "evil-localhost",
    "xlocalhost",
    "127.0.0.1.evil.com",
    "172.15.255.255",
    "172.32.0.1",
    "11.0.0.1",
    "9.255.255.255",
    "192.167.1.1",
    "192.169.1.1",
    "8.8.8.8",
    "126.255.255.255",
    "128.0.0.1",
    "[2001:db8::1]",
    "[fe80::1]",
    "[fb00::1]",
    "[::2]",
    "[::]",
    "169.254.169.254",
]
# Malformed ones may be refused by the web server itself, with 400.
MALFORMED_HOSTS = [
    "localhost:abc",
    "localhost:1.evil.com",
    "localhost:",
    "localhost:99999",
    "localhost:-1",
    "fc00:1",
    "::1",
    "[::1",
    "::1]",
    "[::1]x",
    "user@localhost",
    "localhost/x",
    "localhost,evil.com",
    "localhost evil.com",
    "localhost..",
    "010.0.0.1.1",
    "*",
    ".",
]


def with_host(server, host, path=API + "experiments/get?experiment_id=0", method="GET"):
    head = b"Host: " + host.encode() + b"\r\n" if host is not None else b""
    request = f"{method} {path} HTTP/1.{0 if host is None else 1}\r\n".encode() + head + b"Connection: close\r\n\r\n"
    return exchange(server.port, request, until_closed=True)


@pytest.mark.parametrize("host", GOOD_HOSTS)
def test_a_local_or_private_host_is_answered(server, host):
    assert raw_status(with_host(server, host)) == 200


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_foreign_host_is_refused_with_the_exact_text(api, host):
    for path in (API + "experiments/get?experiment_id=0", AJAX + "experiments/get?experiment_id=0", "/nope"):
        reply = api.request("GET", path, headers={"Host": host})
        assert reply.status == 403 and reply.text == HOST_TEXT, (path, reply)
        assert reply.headers["content-type"].split(";")[0] == "text/plain"
        assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("host", MALFORMED_HOSTS)
def test_a_malformed_host_is_refused(server, host):
    received = with_host(server, host)
    if host == "localhost:" and raw_status(received) == 200:
        return  # an empty port is none (RFC 3986 section 3.2.3)
    assert raw_status(received) in (400, 403) and b"Default" not in received, received[:300]


@pytest.mark.parametrize("host", [None, ""])
def test_a_missing_or_empty_host_is_refused(server, host):
    assert raw_status(with_host(server, host)) in (400, 403)


def test_two_hosts_are_refused(server):
    request = f"GET {API}experiments/get?experiment_id=0 HTTP/1.1\r\nHost: localhost\r\nHost: evil.com\r\nConnection: close\r\n\r\n"
    assert raw_status(exchange(server.port, request.encode())) in (400, 403)


def test_an_absolute_request_target_does_not_get_round_the_check(server):
    request = f"GET http://evil.com{API}experiments/get?experiment_id=0 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    received = exchange(server.port, request.encode(), until_closed=True)
    assert raw_status(received) in (400, 403), received[:300]


@pytest.mark.parametrize("path", ["/health", "/version"])
def test_probes_may_come_with_any_host(api, path):
    assert api.request("GET", path, headers={"Host": "evil.com"}).status == 200


@pytest.mark.parametrize("path", ["/health/", "/healthx", "/version/x", "/Health"])
def test_only_the_exact_probe_paths_are_exempt(api, path):
    assert api.request("GET", path, headers={"Host": "evil.com"}).status == 403


def test_a_foreign_host_cannot_write(api, server):
    name = unique("rebinding")
    reply = api.post("experiments/create", {"name": name}, headers={"Host": "evil.com"})
    assert (reply.status, reply.text) == (403, HOST_TEXT)
    assert api.get("experiments/get-by-name", {"experiment_name": name}).status == 404


# --- Origins ---

GOOD_ORIGINS = [
    "http://localhost",
    "http://localhost:3000",
    "https://localhost:3000",
    "http://127.0.0.1",
    "http://127.0.0.1:9",
    "https://127.0.0.1",
    "http://[::1]:5000",
    "http://LOCALHOST:3000",
]
BAD_ORIGINS = [
    "http://evil.com",
    "https://evil.com",
    "http://evil.com:5000",
    "null",
    "http://localhost.evil.com",
    "http://127.0.0.1.evil.com",
    "http://evil.com/localhost",
    "http://localhost@evil.com",
    "http://localhost:80@evil.com",
    "http://evil.com#localhost",
    "ftp://localhost:99",
    "file://localhost",
    "chrome-extension://localhost",
    "localhost",
    "//localhost",
    "http://",
    "http://localhost:abc",
    "http://localhost:80:90",
    "http://10.0.0.5:3000",
    "http://192.168.1.5",
    "http://localhost http://evil.com",
    "garbage",
    "*",
]


@pytest.mark.parametrize("origin", GOOD_ORIGINS)
def test_a_local_page_may_write(api, origin):
    reply = api.post("experiments/create", {"name": unique("page")}, headers={"Origin": origin})
    assert reply.status == 200, reply


@pytest.mark.parametrize("origin", BAD_ORIGINS)
def test_a_foreign_page_cannot_write_anywhere(api, origin):
    name = unique("foreign")
    for method, path in (
        ("POST", API + "experiments/create"),
        ("POST", AJAX + "experiments/create"),
        ("PUT", API + "experiments/create"),
        ("PATCH", AJAX + "nope"),
        ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/x"),
        ("POST", "/nope"),
        ("POST", "/graphql"),
        ("POST", "/gateway/x/mlflow/invocations"),
        ("POST", "/v1/traces"),
        ("POST", "/"),
        ("POST", "/health"),
    ):
        reply = api.request(method, path, json={"name": name}, headers={"Origin": origin})
        assert (reply.status, reply.text) == (403, ORIGIN_TEXT), (method, path, reply)
        assert reply.headers["content-type"].split(";")[0] == "text/plain"
        assert "access-control-allow-origin" not in reply.headers
    assert api.get("experiments/get-by-name", {"experiment_name": name}).status == 404


def test_reading_is_never_blocked_but_shown_to_no_foreign_page(api):
    for origin in ("http://evil.com", "null"):
        for method in ("GET", "HEAD"):
            reply = api.request(method, API + "experiments/get?experiment_id=0", headers={"Origin": origin})
            assert reply.status == 200
            assert not [name for name in reply.headers if name.lower().startswith("access-control-")]


def test_a_page_served_by_the_server_itself_may_write(api):
    headers = {"Host": "192.168.1.5:5000", "Origin": "http://192.168.1.5:5000"}
    api.post("experiments/create", {"name": unique("same")}, headers=headers).ok()
    for origin in ("http://192.168.1.5:5001", "http://192.168.1.6:5000", "http://192.168.1.5"):
        reply = api.post("experiments/create", {"name": unique("same")}, headers={**headers, "Origin": origin})
        assert reply.status == 403, origin


def test_the_origin_does_not_make_up_for_the_host(api):
    headers = {"Host": "evil.com", "Origin": "http://evil.com"}
    reply = api.post("experiments/create", {"name": unique("both")}, headers=headers)
    assert (reply.status, reply.text) == (403, HOST_TEXT)


# --- CORS ---


def cors_headers(reply):
    return {name.lower(): value for name, value in reply.headers.items() if name.lower().startswith("access-control-")}


def test_without_an_origin_there_are_no_cors_headers(api):
    assert cors_headers(api.get("experiments/get", {"experiment_id": "0"})) == {}


@pytest.mark.parametrize("origin", ["http://localhost", "http://localhost:3000", "http://127.0.0.1:3000", "http://[::1]:3000"])
def test_a_local_page_may_read(api, origin):
    reply = api.get("experiments/get", {"experiment_id": "0"}, headers={"Origin": origin})
    assert reply.headers["access-control-allow-origin"] == origin
    assert reply.headers["access-control-allow-credentials"] == "true"
    assert "origin" in reply.headers["vary"].lower()


@pytest.mark.parametrize("origin", ["https://localhost.evil.com", "http://evil.com", "http://localhost:3000x", "http://localhost:", "http://localhost/", "http://127.0.0.10:3000"])
def test_a_page_that_only_looks_local_may_not_read(api, origin):
    assert cors_headers(api.get("experiments/get", {"experiment_id": "0"}, headers={"Origin": origin})) == {}


def preflight(api, origin, method="POST", headers="content-type, x-custom", path=API + "runs/create"):
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return api.request("OPTIONS", path, headers=asked)


@pytest.mark.parametrize("path", [API + "runs/create", AJAX + "runs/create", "/nope"])
def test_a_preflight_from_a_local_page_is_granted(api, path):
    reply = preflight(api, "http://localhost:3000", path=path)
    assert (reply.status, reply.text) == (200, "OK")
    assert reply.headers["content-type"].split(";")[0] == "text/plain"
    assert reply.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert reply.headers["access-control-allow-credentials"] == "true"
    assert reply.headers["access-control-max-age"] == "600"
    methods = {m.strip() for m in reply.headers["access-control-allow-methods"].split(",")}
    assert methods == {"GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}
    asked = {h.strip().lower() for h in reply.headers["access-control-allow-headers"].split(",")}
    assert {"content-type", "x-custom"} <= asked
    assert "origin" in reply.headers["vary"].lower()


@pytest.mark.parametrize("origin", ["http://evil.com", "null", "http://localhost.evil.com"])
def test_a_preflight_from_a_foreign_page_is_not_granted(api, origin):
    reply = preflight(api, origin)
    assert "access-control-allow-origin" not in reply.headers and reply.status < 500


def test_a_preflight_for_a_strange_method_is_refused(api):
    reply = preflight(api, "http://localhost:3000", method="TRACE")
    assert (reply.status, reply.text) == (400, "Disallowed CORS method")


def test_a_preflight_header_list_cannot_split_the_reply(server):
    request = (
        f"OPTIONS {API}runs/create HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:1\r\n"
        "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: a%0d%0aSet-Cookie: x=1\r\n"
        "Connection: close\r\n\r\n"
    )
    received = exchange(server.port, request.encode(), until_closed=True)
    assert b"\r\nset-cookie" not in received.lower()


# --- Configured hosts and origins ---


@pytest.fixture
def configured(servers):
    return servers(
        "--allowed-hosts",
        "example.org, *.wild.org,10.0.0.*,127.0.0.1",
        "--cors-allowed-origins",
        "https://app.corp, https://*.glob.corp",
        "--x-frame-options",
        "deny",
    ).api


def hosted(api, host):
    return api.request("GET", API + "experiments/get?experiment_id=0", headers={"Host": host}).status


def test_the_given_hosts_replace_the_defaults(configured):
    for host in ("example.org", "EXAMPLE.org", "example.org:80", "a.wild.org", "a.wild.org:5000", "10.0.0.7", "127.0.0.1:5000"):
        assert hosted(configured, host) == 200, host
    for host in ("localhost", "192.168.1.1", "wild.org", "example.org.evil.com", "evil-example.org", "10.0.1.7", "10.0.0.evil.com", "[::1]"):
        assert hosted(configured, host) == 403, host


def test_the_given_origins_may_write_and_read(configured):
    for origin in ("https://app.corp", "https://x.glob.corp", "http://localhost:3000"):
        headers = {"Origin": origin}
        reply = configured.post("experiments/create", {"name": unique("cors")}, headers=headers)
        assert reply.status == 200, origin
        assert reply.headers["access-control-allow-origin"] == origin
        assert preflight(configured, origin).headers["access-control-allow-origin"] == origin
    for origin in ("http://app.corp", "https://app.corp:444", "https://app.corp.evil.com", "https://glob.corp.evil.com", "https://evil.com/.glob.corp"):
        reply = configured.post("experiments/create", {"name": unique("cors")}, headers={"Origin": origin})
        assert (reply.status, reply.text) == (403, ORIGIN_TEXT), origin
        assert "access-control-allow-origin" not in preflight(configured, origin).headers


def test_frame_options_are_upper_cased(configured):
    for path in ("/health", "/"):
        assert configured.request("GET", path).headers["x-frame-options"] == "DENY"


def test_the_environment_configures_the_same(servers):
    api = servers(
        environment={
            "MLFLOW_SERVER_ALLOWED_HOSTS": "only.org,127.0.0.1",
            "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "*",
            "MLFLOW_SERVER_X_FRAME_OPTIONS": "none",
        }
    ).api
    assert hosted(api, "only.org") == 200 and hosted(api, "localhost") == 403
    reply = api.post("experiments/create", {"name": unique("any")}, headers={"Origin": "http://evil.com"})
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] in ("*", "http://evil.com")
    assert "access-control-allow-credentials" not in reply.headers
    assert "x-frame-options" not in reply.headers and reply.headers["x-content-type-options"] == "nosniff"


def test_any_host_can_be_allowed(servers):
    api = servers("--allowed-hosts", "*").api
    assert hosted(api, "evil.com") == 200 and hosted(api, "anything:99") == 200


def test_disabled_security_checks_nothing_and_stamps_nothing(servers):
    api = servers("--disable-security-middleware").api
    headers = {"Host": "evil.com", "Origin": "http://evil.com"}
    reply = api.post("experiments/create", {"name": unique("off")}, headers=headers)
    assert reply.status == 200
    assert cors_headers(reply) == {}
    for answer in (reply, api.request("GET", "/")):
        for name in ("x-content-type-options", "x-frame-options"):
            assert name not in answer.headers
    assert api.request("OPTIONS", API + "runs/create").status in (200, 204)


def test_a_form_cannot_write_even_from_a_local_page(api):
    name = unique("form")
    for content_type in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=b"):
        reply = api.request(
            "POST",
            API + "experiments/create",
            data=f'{{"name": "{name}"}}',
            headers={"Content-Type": content_type, "Origin": "http://localhost:3000"},
        )
        expect_error(reply, 400, "INVALID_PARAMETER_VALUE")
    assert api.get("experiments/get-by-name", {"experiment_name": name}).status == 404


# --- Behind another proxy ---


def metrics_for(server, forwarded_for):
    return server.api.request("GET", "/metrics", headers={"X-Forwarded-For": forwarded_for}).status


def test_a_trusted_proxy_says_who_is_there_and_whom_he_asked(servers):
    server = servers(
        "--trusted-proxies", "127.0.0.1, 198.51.100.0/24", "--expose-prometheus", "m", "--metrics-allowed-networks", "203.0.113.0/24"
    )
    assert metrics_for(server, "203.0.113.9") == 200
    assert metrics_for(server, "192.0.2.1, 203.0.113.9:4711, 198.51.100.7") == 200
    assert metrics_for(server, "203.0.113.9, 192.0.2.1") == 403, "what stands before a stranger he may have made up"
    assert metrics_for(server, "203.0.113.9, nonsense") == 403
    path = f"{API}experiments/get?experiment_id=0"
    assert server.api.request("GET", path, headers={"X-Forwarded-Host": "evil.example"}).status == 403
    assert server.api.request("GET", path, headers={"Host": "evil.example", "X-Forwarded-Host": "localhost:5000"}).status == 200
    made_up = {"X-Forwarded-Host": "localhost, evil.example"}
    assert server.api.request("GET", path, headers=made_up).status == 403, "what stands before the proxy's own the client made up"


def test_nobody_elses_forwarded_headers_count(servers):
    server = servers("--expose-prometheus", "m", "--metrics-allowed-networks", "203.0.113.0/24", "--trusted-proxies", "198.51.100.7")
    assert metrics_for(server, "203.0.113.9") == 403
    path = f"{API}experiments/get?experiment_id=0"
    assert server.api.request("GET", path, headers={"X-Forwarded-Host": "evil.example"}).status == 200
    assert server.api.request("GET", path, headers={"Host": "evil.example", "X-Forwarded-Host": "localhost"}).status == 403
