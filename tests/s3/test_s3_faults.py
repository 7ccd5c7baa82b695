"""S3 that fails: through a proxy before the real server, and from a scripted one."""

import datetime
import ipaddress
import os
import ssl

import pytest
from conftest import BUCKET
from s3_support import Fault, Tool, error_body, listing

MIB = 1024 * 1024
PART = 8 * MIB

PASSING = [
    {"status": 500},
    {"status": 502},
    {"status": 503, "body": error_body("SlowDown")},
    {"status": 503, "body": error_body("ServiceUnavailable"), "headers": {"Retry-After": "1"}},
    {"status": 504},
    {"status": 429},
    {"status": 400, "body": error_body("RequestTimeout")},
]


def names(faults):
    return [f"{f['status']}-{len(f)}" for f in faults]


# --- What passes is tried again ---


@pytest.mark.parametrize("fault", PASSING, ids=names(PASSING))
def test_a_failure_that_passes_is_not_seen(faulty, proxy, fault):
    proxy.reset(*(Fault(method, times=2, **fault) for method in ("PUT", "GET", "HEAD", "DELETE")))
    assert faulty.put("a.txt", b"hello").status == 0
    proxy.reset(Fault("GET", times=2, **fault))
    assert faulty.get("a.txt").output == b"hello"
    proxy.reset(Fault("GET", times=2, **fault))
    assert faulty("list", "").lines == ["f 5 a.txt"]
    proxy.reset(Fault("DELETE", times=2, **fault))
    assert faulty("remove", "a.txt").status == 0
    assert faulty("list", "").output == b""


def test_tries_are_counted_and_apart(faulty, proxy):
    proxy.reset(Fault("PUT", times=100, status=503, body=error_body("SlowDown")))
    done = faulty.put("a.txt", b"hello")
    assert done.code == "TEMPORARILY_UNAVAILABLE"
    assert len(proxy.asked("PUT")) == 5
    assert done.seconds > 0.7, "pauses of at least 50, 100, 200 and 400 ms"
    proxy.reset(Fault("PUT", times=100, status=503))
    faulty.with_(AWS_MAX_ATTEMPTS="2").put("a.txt", b"hello")
    assert len(proxy.asked("PUT")) == 2


@pytest.mark.parametrize("status, code", [(403, "AccessDenied"), (400, "InvalidRequest"), (501, "NotImplemented")])
def test_what_does_not_pass_is_not_tried_again(faulty, proxy, status, code):
    proxy.reset(Fault("PUT", times=100, status=status, body=error_body(code)))
    assert faulty.put("a.txt", b"hello").status == 1
    assert len(proxy.asked("PUT")) == 1


def test_the_store_being_away_is_told(faulty):
    done = faulty.with_(MLFLOW_S3_ENDPOINT_URL="http://127.0.0.1:1").get("a.txt")
    assert done.code == "TEMPORARILY_UNAVAILABLE"
    assert "127.0.0.1" not in done.message


# --- Uploads ---


@pytest.mark.parametrize("cut", [0, 100000, PART - 1])
def test_an_upload_that_is_cut_off_starts_that_part_again(faulty, proxy, client, prefix, cut):
    body = os.urandom(2 * PART + 100)
    proxy.reset(Fault("PUT", "partNumber=2", times=2, cut_upload=cut))
    assert faulty.put("a.bin", body, announced=False).status == 0
    assert client.get(BUCKET, f"{prefix}/a.bin").content == body
    assert [len(proxy.asked("PUT", f"partNumber={n}")) for n in (1, 2, 3)] == [1, 3, 1]


def test_a_small_upload_that_is_cut_off_starts_again(faulty, proxy, client, prefix):
    body = os.urandom(3 * MIB)
    proxy.reset(Fault("PUT", times=2, cut_upload=MIB))
    assert faulty.put("a.bin", body).status == 0
    assert client.get(BUCKET, f"{prefix}/a.bin").content == body


@pytest.mark.parametrize("fault", [{"status": 500}, {"cut_upload": 1000}, {"status": 403, "body": error_body("AccessDenied")}])
def test_an_upload_that_fails_for_good_leaves_nothing(faulty, proxy, client, prefix, fault):
    proxy.reset(Fault("PUT", "partNumber=2", times=100, **fault))
    done = faulty.put("a.bin", b"x" * (3 * PART))
    assert done.code == ("PERMISSION_DENIED" if fault.get("status") == 403 else "TEMPORARILY_UNAVAILABLE")
    assert client.keys(BUCKET, prefix) == []
    assert client.uploads(BUCKET, prefix) == []


def test_a_failed_upload_leaves_what_was_there(faulty, proxy, client, prefix):
    faulty.put("a.bin", b"before")
    proxy.reset(Fault("POST", "uploadId", times=100, status=500))
    assert faulty.put("a.bin", b"x" * (PART + 1)).code == "TEMPORARILY_UNAVAILABLE"
    assert client.get(BUCKET, f"{prefix}/a.bin").content == b"before"
    assert client.uploads(BUCKET, prefix) == []


def test_an_error_within_an_answer_200_is_an_error(faulty, proxy, client, prefix):
    proxy.reset(Fault("POST", "uploadId", times=100, status=200, body=error_body("InternalError")))
    assert faulty.put("a.bin", b"x" * (PART + 1)).code == "TEMPORARILY_UNAVAILABLE"
    assert len(proxy.asked("POST", "uploadId")) == 5
    assert client.keys(BUCKET, prefix) == []
    assert client.uploads(BUCKET, prefix) == []
    proxy.reset(Fault("POST", "uploadId", times=1, status=200, body=error_body("InternalError")))
    assert faulty.put("a.bin", b"x" * (PART + 1)).status == 0


def test_a_lost_answer_to_the_last_step_is_no_failure(faulty, proxy, client, prefix):
    proxy.reset(Fault("POST", "uploadId", status=500, after_forwarding=True))
    body = os.urandom(PART + 1)
    assert faulty.put("a.bin", body).status == 0
    assert client.get(BUCKET, f"{prefix}/a.bin").content == body


def test_uploads_time_out_when_the_store_stalls(faulty, proxy, client, prefix):
    proxy.reset(Fault("PUT", times=100, stall=30))
    done = faulty.with_(TRACKLIGHT_S3_IDLE_TIMEOUT_MS="300", AWS_MAX_ATTEMPTS="3").put("a.txt", b"hello")
    assert done.code == "TEMPORARILY_UNAVAILABLE"
    assert 0.9 < done.seconds < 8
    assert client.keys(BUCKET, prefix) == []


# --- Downloads ---


@pytest.mark.parametrize("cut", [0, 1, 100000, 3 * MIB - 1])
def test_a_download_that_is_cut_off_goes_on_where_it_was(faulty, proxy, cut):
    body = os.urandom(3 * MIB)
    faulty.put("a.bin", body)
    proxy.reset(Fault("GET", cut_download=cut))
    assert faulty.get("a.bin").output == body
    asked = proxy.asked("GET")
    assert len(asked) == 2
    assert asked[1][2]["range"].startswith("bytes=")
    assert asked[1][2]["range"].endswith(f"-{3 * MIB - 1}")
    assert "if-match" in asked[1][2]


def test_a_range_that_is_cut_off_goes_on_within_the_range(faulty, proxy):
    body = os.urandom(MIB)
    faulty.put("a.bin", body)
    proxy.reset(Fault("GET", cut_download=1000, times=3))
    assert faulty.get("a.bin", 500, 700000).output == body[500:700001]


def test_a_download_that_stalls_goes_on_where_it_was(faulty, proxy):
    body = os.urandom(MIB)
    faulty.put("a.bin", body)
    proxy.reset(Fault("GET", stall_download=200000))
    done = faulty.with_(TRACKLIGHT_S3_IDLE_TIMEOUT_MS="300").get("a.bin")
    assert done.output == body
    assert done.seconds < 8


def test_a_download_that_never_comes_to_its_end_fails(faulty, proxy):
    faulty.put("a.bin", b"x" * MIB)
    proxy.reset(Fault("GET", cut_download=0, times=100))
    done = faulty.get("a.bin")
    assert done.code == "TEMPORARILY_UNAVAILABLE"
    assert done.output == b""
    assert 2 < len(proxy.asked("GET")) < 40


def test_a_download_never_mixes_two_objects(faulty, proxy, client, prefix):
    faulty.put("a.bin", b"x" * MIB)
    proxy.reset(
        Fault("GET", cut_download=1000),
        Fault("GET", before=lambda: client.put(BUCKET, f"{prefix}/a.bin", b"y" * MIB)),
    )
    done = faulty.get("a.bin")
    assert done.code == "RESOURCE_CONFLICT"
    assert b"y" not in done.output


def test_a_slow_reader_neither_fails_nor_fills_the_memory(faulty, proxy):
    body = os.urandom(3 * MIB)
    faulty.put("a.bin", body)
    small = faulty("stat", "a.bin").peak_kib
    done = faulty.with_(TRACKLIGHT_S3_IDLE_TIMEOUT_MS="300")("get-slowly", "a.bin", 100)
    assert done.output == body
    assert done.peak_kib < small + 2 * 1024


# --- Listing and removing ---


def test_a_listing_whose_answer_is_cut_off_is_asked_for_again(faulty, proxy):
    faulty.put("a", b"x")
    faulty.put("b", b"x")
    proxy.reset(Fault("GET", cut_download=100, times=2))
    assert faulty("list", "").lines == ["f 1 a", "f 1 b"]


def test_a_store_without_the_removal_of_many_keys_is_emptied_one_by_one(faulty, proxy, client, prefix):
    for name in "abc":
        client.put(BUCKET, f"{prefix}/d/{name}", b"x")
    proxy.reset(Fault("POST", "delete", times=100, status=501, body=error_body("NotImplemented")))
    assert faulty("remove", "d").status == 0
    assert client.keys(BUCKET, prefix) == []


def test_a_key_that_cannot_be_removed_is_told(scripted):
    def answer(method, path, _headers, _body):
        if method == "DELETE":
            return 204, {}, b""
        if method == "GET":
            return 200, {}, listing("p/d/a", "p/d/b")
        assert path.endswith("?delete=")
        denied = b"<Error><Key>p/d/b</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
        return 200, {}, b"<DeleteResult>" + denied + b"</DeleteResult>"

    done = Tool(scripted(answer).endpoint, "s3://bucket/p")("remove", "d")
    assert done.code == "PERMISSION_DENIED"


def test_keys_that_xml_cannot_hold_are_removed_by_themselves(scripted):
    def answer(method, _path, _headers, _body):
        if method == "GET":
            page = listing("p/d/%01+x", "p/d/a%26", "p/d/b")
            return 200, {}, page.replace(b"<Contents>", b"<EncodingType>url</EncodingType><Contents>", 1)
        return (204, {}, b"") if method == "DELETE" else (200, {}, b"<DeleteResult/>")

    server = scripted(answer)
    assert Tool(server.endpoint, "s3://bucket/p")("remove", "d").status == 0
    deleted = [path for method, path, _, _ in server.requests if method == "DELETE"]
    assert deleted == ["/bucket/p/d", "/bucket/p/d/%01%20x"]
    posted = [(headers, body) for method, _, headers, body in server.requests if method == "POST"]
    assert len(posted) == 1
    assert b"<Key>p/d/a&amp;</Key>" in posted[0][1]
    assert "content-md5" in posted[0][0]


BAD_LISTINGS = {
    "empty": b"",
    "no-xml": b"hello",
    "another": b"<Other/>",
    "cut": listing("a")[:-20],
    "doctype": b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><ListBucketResult>&b;</ListBucketResult>',
    "outside": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><ListBucketResult>&a;</ListBucketResult>',
    "deep": b"<ListBucketResult>" + b"<a>" * 100000 + b"</a>" * 100000 + b"</ListBucketResult>",
    "circle": listing("a", token="again"),
    "html": b"<html><body>It works!</body></html>",
}


@pytest.mark.parametrize("body", BAD_LISTINGS.values(), ids=BAD_LISTINGS.keys())
def test_a_listing_that_makes_no_sense_is_our_own_fault(scripted, body):
    done = Tool(scripted(lambda *_: (200, {}, body)).endpoint, "s3://bucket")("list", "")
    assert done.code == "INTERNAL_ERROR"
    assert done.output == b""


def test_an_answer_without_end_is_not_taken_in(scripted):
    body = listing(*(f"k{i:01000}" for i in range(20000)))
    done = Tool(scripted(lambda *_: (200, {}, body)).endpoint, "s3://bucket")("list", "")
    assert done.code == "INTERNAL_ERROR"


# --- Where requests go, and who may read them ---


def test_redirects_are_not_followed(scripted):
    other = scripted(lambda *_: (200, {}, b"stolen"))
    server = scripted(lambda *_: (302, {"Location": other.endpoint + "/"}, b""))
    assert Tool(server.endpoint, "s3://bucket").get("a").status == 1
    assert other.requests == []


def test_a_bucket_of_another_region_is_signed_for_that_one(scripted):
    def answer(_method, _path, headers, _body):
        if "/eu-north-1/s3/" in headers["authorization"]:
            return 200, {"ETag": '"x"'}, b"hello"
        return 400, {"x-amz-bucket-region": "eu-north-1"}, error_body("AuthorizationHeaderMalformed")

    server = scripted(answer)
    assert Tool(server.endpoint, "s3://bucket").get("a").output == b"hello"
    assert len(server.requests) == 2


def test_session_token_owner_and_region_are_sent(scripted):
    server = scripted(lambda *_: (200, {"ETag": '"x"'}, b"hello"))
    tool = Tool(
        server.endpoint, "s3://bucket", AWS_SESSION_TOKEN="to/ken", AWS_REGION="eu-west-3",
        MLFLOW_S3_EXPECTED_BUCKET_OWNER="123456789012",
    )  # fmt: skip
    assert tool.get("a").status == 0
    headers = server.requests[0][2]
    assert headers["x-amz-security-token"] == "to/ken"
    assert headers["x-amz-expected-bucket-owner"] == "123456789012"
    assert "/eu-west-3/s3/aws4_request" in headers["authorization"]
    assert "x-amz-expected-bucket-owner;x-amz-security-token" in headers["authorization"].replace(
        "x-amz-date;", ""
    )


def test_unsigned_requests_carry_no_signature(scripted):
    server = scripted(lambda *_: (200, {"ETag": '"x"'}, b"hello"))
    tool = Tool(server.endpoint, "s3://bucket", MLFLOW_EXPERIMENTAL_S3_SIGNATURE_VERSION="unsigned")
    tool = tool.with_(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    assert tool.get("a").output == b"hello"
    assert "authorization" not in server.requests[0][2]


def test_an_endpoint_with_a_path_of_its_own(scripted):
    server = scripted(lambda *_: (200, {"ETag": '"x"'}, b"hello"))
    assert Tool(server.endpoint + "/store/", "s3://bucket/p").get("a").status == 0
    assert server.requests[0][1] == "/store/bucket/p/a"


@pytest.mark.parametrize("root", ["s3://", "s3://b", "s3:///x", "s3://UP ER/x", "s3://bucket/a?b", "s3://bucket/a#b", "s3:bucket"])
def test_a_location_that_makes_no_sense_is_refused(root):
    assert Tool("http://127.0.0.1:1", root)("list", "").code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("endpoint", ["ftp://x", "127.0.0.1:9000", "http://", "http://u:p@127.0.0.1/", "http://x/?q"])
def test_an_endpoint_that_makes_no_sense_is_refused(endpoint):
    done = Tool(endpoint, "s3://bucket")("list", "")
    assert done.code == "INTERNAL_ERROR"
    assert "MLFLOW_S3_ENDPOINT_URL" in done.detail


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that signed itself: (file of the certificate, file with its key)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now()
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(9))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True).sign(key, hashes.SHA256())
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("certificate")
    pem = made.public_bytes(serialization.Encoding.PEM)
    (folder / "certificate.pem").write_bytes(pem)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(pem + private)
    return folder / "certificate.pem", folder / "both.pem"


def test_certificates_are_verified(scripted, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1])
    server = scripted(lambda *_: (200, {"ETag": '"x"'}, b"hello"), context=context)
    tool = Tool(server.endpoint, "s3://bucket")
    assert tool.get("a").code == "INTERNAL_ERROR"
    assert tool.put("a", b"x").code == "INTERNAL_ERROR"
    assert server.requests == []
    assert tool.with_(AWS_CA_BUNDLE=str(certificate[0])).get("a").output == b"hello"
    assert tool.with_(MLFLOW_S3_IGNORE_TLS="true").get("a").output == b"hello"
    tool.with_(AWS_CA_BUNDLE=str(certificate[0])).put("a", b"x" * 100)
    assert server.requests[-1][2]["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"


# --- Credentials ---

CREDENTIALS = '{"AccessKeyId": "AKSERVICE", "SecretAccessKey": "s", "Token": "tok", "Expiration": "2099-01-01T00:00:00Z"}'


def without_keys(tool, **environment):
    return tool.with_(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, **environment)


def test_a_profile_of_the_shared_files(scripted, tmp_path):
    server = scripted(lambda *_: (200, {"ETag": '"x"'}, b"hello"))
    (tmp_path / "credentials").write_text(
        "# comment\n[default]\naws_access_key_id = AKDEFAULT\naws_secret_access_key=d\n"
        "[work]\naws_access_key_id=AKWORK\naws_secret_access_key = w\n\taws_session_token = nested\n"
    )
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n[profile work]\nregion=ap-south-1\n")
    tool = without_keys(
        Tool(server.endpoint, "s3://bucket"),
        AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials"), AWS_CONFIG_FILE=str(tmp_path / "config"),
    )  # fmt: skip
    tool.get("a")
    tool.with_(AWS_PROFILE="work").get("a")
    first, second = (request[2]["authorization"] for request in server.requests)
    assert "Credential=AKDEFAULT/" in first and "/eu-west-1/" in first
    assert "Credential=AKWORK/" in second and "/ap-south-1/" in second
    assert "security-token" not in second


def test_the_shared_files_are_found_in_the_home_directory(scripted, tmp_path):
    server = scripted(lambda *_: (200, {"ETag": '"x"'}, b"hello"))
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text("[default]\naws_access_key_id = AKHOME\naws_secret_access_key=d\n")
    assert without_keys(Tool(server.endpoint, "s3://bucket"), HOME=str(tmp_path)).get("a").status == 0
    assert "Credential=AKHOME/" in server.requests[0][2]["authorization"]


def test_no_credentials_at_all_are_told_in_the_log_only():
    done = without_keys(Tool("http://127.0.0.1:1", "s3://bucket")).get("a")
    assert done.code == "INTERNAL_ERROR"
    assert "AWS_ACCESS_KEY_ID" in done.detail
    assert "AWS" not in done.message


def test_a_profile_that_needs_a_program_is_not_passed_over(tmp_path):
    (tmp_path / "config").write_text("[default]\ncredential_process = /bin/true\n")
    done = without_keys(Tool("http://127.0.0.1:1", "s3://bucket"), AWS_CONFIG_FILE=str(tmp_path / "config")).get("a")
    assert "credential_process" in done.detail


def test_credentials_of_instance_metadata(scripted):
    def metadata(method, path, headers, _body):
        if path == "/latest/api/token":
            assert method == "PUT" and headers["x-aws-ec2-metadata-token-ttl-seconds"]
            return 200, {}, b"session"
        assert headers["x-aws-ec2-metadata-token"] == "session"
        if path == "/latest/meta-data/iam/security-credentials/":
            return 200, {}, b"my-role\n"
        assert path == "/latest/meta-data/iam/security-credentials/my-role"
        return 200, {}, CREDENTIALS.encode()

    server = scripted(lambda *_: (200, {"ETag": '"x"'}, b"hello"))
    tool = without_keys(
        Tool(server.endpoint, "s3://bucket"),
        AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=scripted(metadata).endpoint,
    )  # fmt: skip
    assert tool.get("a").status == 0
    assert "Credential=AKSERVICE/" in server.requests[0][2]["authorization"]
    assert server.requests[0][2]["x-amz-security-token"] == "tok"


def test_credentials_of_a_container(scripted):
    def agent(_method, path, headers, _body):
        assert (path, headers["authorization"]) == ("/creds", "Bearer x")
        return 200, {}, CREDENTIALS.encode()

    server = scripted(lambda *_: (200, {"ETag": '"x"'}, b"hello"))
    tool = without_keys(
        Tool(server.endpoint, "s3://bucket"),
        AWS_CONTAINER_CREDENTIALS_FULL_URI=scripted(agent).endpoint + "/creds", AWS_CONTAINER_AUTHORIZATION_TOKEN="Bearer x",
    )  # fmt: skip
    assert tool.get("a").status == 0
    assert "Credential=AKSERVICE/" in server.requests[0][2]["authorization"]


def test_credentials_for_a_web_identity(scripted, tmp_path):
    def service(method, _path, _headers, body):
        assert method == "POST"
        assert b"Action=AssumeRoleWithWebIdentity" in body and b"WebIdentityToken=jwt" in body
        assert b"RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr" in body
        keys = "<AccessKeyId>AKROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>tok</SessionToken>"
        result = f"<Credentials>{keys}<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
        inner = f"<AssumeRoleWithWebIdentityResult>{result}</AssumeRoleWithWebIdentityResult>"
        return 200, {}, f"<AssumeRoleWithWebIdentityResponse>{inner}</AssumeRoleWithWebIdentityResponse>".encode()

    (tmp_path / "token").write_text("jwt\n")
    server = scripted(lambda *_: (200, {"ETag": '"x"'}, b"hello"))
    tool = without_keys(
        Tool(server.endpoint, "s3://bucket"), AWS_WEB_IDENTITY_TOKEN_FILE=str(tmp_path / "token"),
        AWS_ROLE_ARN="arn:aws:iam::1:role/r", AWS_ENDPOINT_URL_STS=scripted(service).endpoint + "/",
    )  # fmt: skip
    assert tool.get("a").status == 0
    assert "Credential=AKROLE/" in server.requests[0][2]["authorization"]
