"""How keys and certificates lie on disk: every usual format read, every write whole and private.

Not for deciding whether a certificate may sign; that is `certs.apple`.
"""

import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    pkcs12,
)

from certs.errors import CertificateError

PKCS12_SUFFIXES = frozenset({".p12", ".pfx"})
PASSPHRASE_SUFFIXES = (".pass", ".passphrase")
PRIVATE_MODE = 0o600
PUBLIC_MODE = 0o644

_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Bundle:
    """The certificates and parsed keys of one file, in its order; either may be empty."""

    certificates: tuple[x509.Certificate, ...]
    keys: tuple[rsa.RSAPrivateKey, ...]


def read_bundle(path: Path, passphrase: str | None) -> Bundle:
    """All that a PEM or PKCS#12 file or a DER certificate holds.

    RSA keys are checked in full, which takes about 50 ms each: load once in a process.
    A file `X.pass` or `X.passphrase` beside `X.p12` or `X.key` goes before `passphrase`.
    Raises CertificateError: certificate_unreadable, key_unreadable, key_unsuitable,
    passphrase_missing, passphrase_wrong.
    """
    data = read_bytes(path)
    secret = _own_passphrase(path) or passphrase
    if is_pem(data):
        return _read_pem(data, secret, path.name)
    if path.suffix.lower() in PKCS12_SUFFIXES:
        return _read_pkcs12(data, secret, path.name)
    return Bundle((_read_certificate(x509.load_der_x509_certificate, data, path.name),), ())


def is_pem(data: bytes) -> bool:
    """Whether the data are PEM text rather than DER."""
    return b"-----BEGIN " in data


def read_bytes(path: Path) -> bytes:
    """The file's bytes, or CertificateError certificate_unreadable with the system's reason."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(
            "certificate_unreadable",
            f"{path.name} cannot be read ({error.strerror}); "
            "check that the file exists and that this user may read it.",
        ) from error


def read_passphrase(path: Path) -> str:
    """The pass phrase a file holds, without the line end that editors add."""
    try:
        return read_bytes(path).decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise CertificateError(
            "passphrase_unreadable",
            f"{path.name} is not UTF-8 text; write the pass phrase alone into it.",
        ) from error


def passphrase_beside(path: Path) -> Path:
    """Where the pass phrase of this one file may lie."""
    return path.with_name(stem(path) + PASSPHRASE_SUFFIXES[0])


def stem(path: Path) -> str:
    """The name that `X.pem`, `X.key`, `X.key.pem` and `X.pass` share: `X`."""
    return path.stem.removesuffix(".key")


def write_whole(path: Path, data: bytes, mode: int) -> None:
    """Put `data` at `path` all at once: a reader sees the old file or the new one, never a part.

    Raises CertificateError folder_unwritable.
    """
    try:
        _write_and_rename(path, data, mode)
    except OSError as error:
        raise CertificateError(
            "folder_unwritable",
            f"{path} cannot be written ({error.strerror}); let this user write to that folder.",
        ) from error


def _write_and_rename(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _own_passphrase(path: Path) -> str | None:
    for suffix in PASSPHRASE_SUFFIXES:
        beside = path.with_name(stem(path) + suffix)
        if beside.is_file():
            return read_passphrase(beside)
    return None


def _read_pem(data: bytes, passphrase: str | None, name: str) -> Bundle:
    certificates: list[x509.Certificate] = []
    keys: list[rsa.RSAPrivateKey] = []
    for block in _PEM_BLOCK.finditer(data):
        label = block[1]
        if label == b"CERTIFICATE":
            certificates.append(_read_certificate(x509.load_pem_x509_certificate, block[0], name))
        elif label.endswith(b"PRIVATE KEY"):
            keys.append(_read_key(block[0], passphrase, name))
    if not certificates and not keys:
        raise _unreadable(name)
    return Bundle(tuple(certificates), tuple(keys))


def _read_pkcs12(data: bytes, passphrase: str | None, name: str) -> Bundle:
    try:
        content = pkcs12.load_pkcs12(data, passphrase.encode() if passphrase else None)
    except ValueError as error:
        if "password" not in str(error):
            raise _unreadable(name) from error
        raise _not_opened(name, passphrase) from error
    held = [content.cert, *content.additional_certs]
    certificates = tuple(entry.certificate for entry in held if entry is not None)
    keys = () if content.key is None else (_rsa(content.key, name),)
    return Bundle(certificates, keys)


def _read_certificate(
    load: Callable[[bytes], x509.Certificate], data: bytes, name: str
) -> x509.Certificate:
    try:
        return load(data)
    except ValueError as error:
        raise _unreadable(name) from error


def _read_key(block: bytes, passphrase: str | None, name: str) -> rsa.RSAPrivateKey:
    try:
        return _rsa(load_pem_private_key(block, None), name)
    except TypeError:  # how the library says that the key is encrypted
        return _read_encrypted_key(block, passphrase, name)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(
            "key_unreadable",
            f"The private key in {name} is damaged or of an unknown format; "
            "export it again as PEM or PKCS#12.",
        ) from error


def _read_encrypted_key(block: bytes, passphrase: str | None, name: str) -> rsa.RSAPrivateKey:
    if not passphrase:
        raise _not_opened(name, passphrase)
    try:
        return _rsa(load_pem_private_key(block, passphrase.encode()), name)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _not_opened(name, passphrase) from error


def _rsa(key: object, name: str) -> rsa.RSAPrivateKey:
    if isinstance(key, rsa.RSAPrivateKey):
        return key
    raise CertificateError(
        "key_unsuitable",
        f"The private key in {name} is not an RSA key, and Apple issues Pass Type ID certificates "
        "for RSA; make a new request with `passmint certs csr`.",
    )


def _not_opened(name: str, passphrase: str | None) -> CertificateError:
    cure = (
        f"write it into {stem(Path(name))}.pass beside it, or into the file that "
        "PASSMINT_APPLE_PASSPHRASE_FILE names."
    )
    if not passphrase:
        return CertificateError(
            "passphrase_missing", f"{name} is encrypted and no pass phrase is known; {cure}"
        )
    return CertificateError("passphrase_wrong", f"The pass phrase does not open {name}; {cure}")


def _unreadable(name: str) -> CertificateError:
    return CertificateError(
        "certificate_unreadable",
        f"{name} is damaged or holds no certificate or key in PEM, DER or PKCS#12; "
        "download or export it again.",
    )
