import shutil
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import pkcs7
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certs import issuing
from certs.signing import sign_detached
from tests.certs.conftest import World

CONTENT_TYPE = bytes.fromhex("06092a864886f70d010903")  # 1.2.840.113549.1.9.3
SIGNING_TIME = bytes.fromhex("06092a864886f70d010905")  # 1.2.840.113549.1.9.5
CAPABILITIES = bytes.fromhex("06092a864886f70d01090f")  # 1.2.840.113549.1.9.15
MANIFEST = b'{\n  "icon.png": "da39a3ee5e6b4b0d3255bfef95601890afd80709"\n}\n'


def sign(world: World, content: bytes, leaf: x509.Certificate | None = None) -> bytes:
    intermediate = world.intermediate.certificate
    return sign_detached(content, leaf or world.leaf(), world.key, intermediate)


def signed_attributes(signature: bytes) -> bytes:
    """The attributes as they were signed: a SET, where the message has [0] in its place."""
    start = signature.index(CONTENT_TYPE) - 4
    assert signature[start] == 0xA0
    return b"\x31" + signature[start + 1 : start + 2 + signature[start + 1]]


def digest(content: bytes) -> bytes:
    hasher = Hash(SHA256())
    hasher.update(content)
    return hasher.finalize()


def verify(signature: bytes, content: bytes, key: rsa.RSAPublicKey) -> None:
    attributes = signed_attributes(signature)
    assert digest(content) in attributes
    assert len(signature) > 256
    key.verify(signature[-256:], attributes, padding.PKCS1v15(), SHA256())


def openssl_verify(folder: Path, signature: bytes, content: bytes, root: x509.Certificate) -> bool:
    (folder / "signature").write_bytes(signature)
    (folder / "manifest.json").write_bytes(content)
    (folder / "root.pem").write_bytes(issuing.certificate_pem(root))
    command = "openssl cms -verify -purpose any -binary -inform DER -in signature"
    answer = subprocess.run(
        [*command.split(), "-content", "manifest.json", "-CAfile", "root.pem", "-out", "/dev/null"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.returncode == 0


def test_openssl_accepts_the_signature_of_a_manifest_with_line_feeds(
    world: World, tmp_path: Path
) -> None:
    signature = sign(world, MANIFEST)
    verify(signature, MANIFEST, world.key.public_key())
    if shutil.which("openssl"):
        root = world.root.certificate
        assert openssl_verify(tmp_path, signature, MANIFEST, root)
        assert not openssl_verify(tmp_path, signature, MANIFEST + b" ", root)


def test_leaf_and_intermediate_travel_with_the_signature_and_the_content_does_not(
    world: World,
) -> None:
    leaf = world.leaf()
    signature = sign(world, MANIFEST, leaf)
    carried = pkcs7.load_der_pkcs7_certificates(signature)
    assert set(carried) == {leaf, world.intermediate.certificate}
    assert MANIFEST not in signature


def test_the_signing_time_is_there_and_mail_capabilities_are_not(world: World) -> None:
    attributes = signed_attributes(sign(world, MANIFEST))
    assert SIGNING_TIME in attributes
    assert CAPABILITIES not in attributes


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary() | st.text(alphabet="\r\n\0a ").map(str.encode))
def test_any_bytes_are_signed_as_they_are(world: World, content: bytes) -> None:
    verify(sign(world, content), content, world.key.public_key())
