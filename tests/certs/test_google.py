import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certs import issuing
from certs.errors import CertificateError
from certs.google import load_google_identity
from tests.certs.conftest import World

Put = Callable[[str, bytes], Path]
ISSUER = "3388000000012345678"


def account(world: World, **changes: object) -> bytes:
    content: dict[str, object] = {
        "type": "service_account",
        "client_email": "wallet@example.iam.gserviceaccount.com",
        "private_key_id": "0123456789abcdef",
        "private_key": issuing.key_pem(world.key).decode(),
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    content |= changes
    return json.dumps({name: value for name, value in content.items() if value != "gone"}).encode()


def decoded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def test_a_service_account_signs_compact_rs256_tokens(world: World, put: Put) -> None:
    path = put("google.json", account(world))
    identity = load_google_identity(path, ISSUER)
    path.unlink()  # the key is parsed once, when loaded
    token = identity.sign_jwt({"iss": identity.email, "payload": {"name": "Kávézó ☕"}})
    header, claims, signature = token.split(".")
    assert decoded(header) == b'{"alg":"RS256","typ":"JWT","kid":"0123456789abcdef"}'
    assert decoded(claims).decode() == (
        '{"iss":"wallet@example.iam.gserviceaccount.com","payload":{"name":"Kávézó ☕"}}'
    )
    assert "=" not in token
    world.key.public_key().verify(
        decoded(signature), f"{header}.{claims}".encode(), padding.PKCS1v15(), SHA256()
    )
    assert (identity.issuer_id, identity.source) == (ISSUER, "google.json")


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"type": "authorized_user"}, "service_account_invalid", "not a service account"),
        ({"type": "gone"}, "service_account_invalid", "not a service account"),
        ({"client_email": "gone"}, "service_account_invalid", "lacks client_email"),
        ({"private_key_id": 7}, "service_account_invalid", "lacks private_key_id"),
        ({"private_key": None}, "service_account_invalid", "lacks private_key"),
        ({"private_key": "hunter2"}, "key_unreadable", "damaged"),
        ({"private_key": "-----BEGIN PRIVATE KEY-----\nhunter2"}, "key_unreadable", "damaged"),
    ],
)
def test_a_wrong_account_file_is_told_with_the_cure(
    world: World, put: Put, changes: dict[str, object], code: str, words: str
) -> None:
    path = put("google.json", account(world, **changes))
    with pytest.raises(CertificateError, match=rf"google\.json.*{words}|{words}.*Keys") as caught:
        load_google_identity(path, ISSUER)
    assert caught.value.code == code
    assert "google.json" in str(caught.value)
    assert "Google Cloud console" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"null"])
def test_a_file_that_is_no_json_object_is_told(put: Put, data: bytes) -> None:
    with pytest.raises(CertificateError, match=r"google\.json is not") as caught:
        load_google_identity(put("google.json", data), ISSUER)
    assert caught.value.code == "service_account_invalid"


def test_an_elliptic_key_is_told(world: World, put: Put) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(CertificateError, match=r"google\.json holds no RSA key") as caught:
        load_google_identity(put("google.json", account(world, private_key=pem)), ISSUER)
    assert caught.value.code == "service_account_invalid"


def test_an_account_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"google\.json cannot be read") as caught:
        load_google_identity(tmp_path / "google.json", ISSUER)
    assert caught.value.code == "certificate_unreadable"


@pytest.mark.parametrize(
    "issuer", ["", "BCR2DN", "3388 000", "-1", "3.5", "٣٣٨٨", "1" * 21, "3388\n"]
)
def test_an_issuer_id_that_is_no_number_is_told(world: World, put: Put, issuer: str) -> None:
    path = put("google.json", account(world))
    with pytest.raises(CertificateError, match="PASSMINT_GOOGLE_ISSUER_ID") as caught:
        load_google_identity(path, issuer)
    assert caught.value.code == "issuer_id_invalid"


def test_an_identity_does_not_show_its_key(world: World, put: Put) -> None:
    shown = repr(load_google_identity(put("google.json", account(world)), ISSUER))
    assert "wallet@example" in shown
    assert "RSASigner" not in shown
