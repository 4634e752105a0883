"""The signature of a pass: a detached CMS over its manifest, made in this process."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

_OPTIONS = (
    PKCS7Options.DetachedSignature,
    PKCS7Options.Binary,  # without it LF becomes CRLF before signing, and verification fails
    PKCS7Options.NoCapabilities,  # an S/MIME attribute of 57 bytes that Wallet has no use for
)


def sign_detached(
    content: bytes,
    certificate: x509.Certificate,
    key: rsa.RSAPrivateKey,
    intermediate: x509.Certificate,
) -> bytes:
    """The DER signature Wallet asks for: SHA-256, signing time, leaf and intermediate inside.

    Nearly all of its cost is the RSA operation, which releases the interpreter's lock.
    """
    return (
        PKCS7SignatureBuilder()
        .set_data(content)
        .add_signer(certificate, key, SHA256())
        .add_certificate(intermediate)
        .sign(Encoding.DER, _OPTIONS)
    )
