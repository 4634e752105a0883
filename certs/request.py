"""Getting a certificate from Apple: a key and a request to upload, then importing the answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from certs import checks
from certs.apple import AppleIdentity, identify, read_shelf
from certs.authority import Authority, is_authority
from certs.errors import CertificateError
from certs.files import (
    PKCS12_SUFFIXES,
    PRIVATE_MODE,
    PUBLIC_MODE,
    Bundle,
    is_pem,
    read_bundle,
    read_bytes,
    write_whole,
)

_REQUEST_SUFFIX = ".certSigningRequest"  # the one Apple's own Keychain Access writes
_MAX_COMMON_NAME = 64  # X.520 ub-common-name


@dataclass(frozen=True, slots=True)
class Request:
    """A certificate request to upload to Apple, and the key that waits for the answer."""

    key: Path
    upload: Path


@dataclass(frozen=True, slots=True)
class Imported:
    """An identity that has passed every check, and the file it now lies in.

    `encrypted` says that its key lies there encrypted: the service needs the pass phrase as well.
    """

    identity: AppleIdentity
    path: Path
    encrypted: bool


def create_request(folder: Path, pass_type_identifier: str, passphrase: str | None) -> Request:
    """A new RSA-2048 key, encrypted if a pass phrase is given, and a request for it.

    Both wait in `requests/` of the certificates folder, where nothing is loaded from.
    Raises CertificateError: pass_type_invalid, request_exists, folder_unwritable.
    """
    checks.check_pass_type_identifier(pass_type_identifier)
    request = _request_files(_requests_folder(folder) / pass_type_identifier)
    if request.key.exists() or request.upload.exists():
        raise CertificateError(
            "request_exists",
            f"A request for {pass_type_identifier} is waiting already; upload {request.upload}, "
            f"or delete it and {request.key.name} to begin anew.",
        )
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    write_whole(request.key, _key_pem(key, passphrase), PRIVATE_MODE)
    write_whole(request.upload, _request_pem(key, pass_type_identifier), PUBLIC_MODE)
    return request


def import_answer(
    answer: Path,
    folder: Path,
    authority: Authority,
    passphrase: str | None,
    now: datetime,
    key_file: Path | None = None,
) -> Imported:
    """Check Apple's answer as if loading it and store it, with its key, in the folder.

    `answer` is Apple's `.cer` (the key then comes from `key_file` or the waiting request), or a
    `.p12` or PEM file with the key inside. Encrypted keys stay encrypted as they are. Nothing is
    written unless the identity can sign. Raises CertificateError as `identify` and `read_bundle`.
    """
    bundle = read_bundle(answer, passphrase)
    leaf = _leaf(bundle, answer)
    request = None if bundle.keys or key_file else _waiting_request(folder, leaf)
    key_source = answer if bundle.keys else key_file or (request.key if request else None)
    if key_source is None:
        raise _no_request(answer, folder)
    key = _key(key_source, leaf, passphrase, answer)
    trusted = _widened(authority, bundle, folder, passphrase)
    identity = identify(leaf, key, trusted, answer.name, now)
    path = _store(identity, bundle, answer, key_source, folder)
    if request:
        request.key.unlink()
        request.upload.unlink()
    return Imported(identity, path, _is_encrypted(path))


def _is_encrypted(path: Path) -> bool:
    try:
        read_bundle(path, None)
    except CertificateError as error:
        if error.code != "passphrase_missing":
            raise
        return True
    return False


def _requests_folder(folder: Path) -> Path:
    return folder / "requests"


def _request_files(stem: Path) -> Request:
    return Request(
        key=stem.with_name(f"{stem.name}.key.pem"),
        upload=stem.with_name(stem.name + _REQUEST_SUFFIX),
    )


def _key_pem(key: rsa.RSAPrivateKey, passphrase: str | None) -> bytes:
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase:
        encryption = BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def _request_pem(key: rsa.RSAPrivateKey, pass_type_identifier: str) -> bytes:
    common_name = pass_type_identifier[:_MAX_COMMON_NAME]  # Apple writes a subject of its own
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256())
    return request.public_bytes(Encoding.PEM)


def _leaf(bundle: Bundle, answer: Path) -> x509.Certificate:
    leaves = [one for one in bundle.certificates if not is_authority(one)]
    if len(leaves) == 1:
        return leaves[0]
    raise CertificateError(
        "not_a_pass_certificate",
        f"{answer.name} holds {len(leaves)} certificates of holders where one is needed; "
        "import the Pass Type ID certificate downloaded from Apple.",
    )


def _waiting_request(folder: Path, leaf: x509.Certificate) -> Request | None:
    wanted = leaf.public_key()
    return next((one for one, key in _waiting(folder) if key == wanted), None)


def _waiting(folder: Path) -> Iterator[tuple[Request, object]]:
    for upload in sorted(_requests_folder(folder).glob(f"*{_REQUEST_SUFFIX}")):
        request = _request_files(upload.with_name(upload.name.removesuffix(_REQUEST_SUFFIX)))
        yield request, _requested_key(upload)


def _requested_key(upload: Path) -> object:
    try:
        return x509.load_pem_x509_csr(read_bytes(upload)).public_key()
    except ValueError as error:
        raise CertificateError(
            "request_unreadable", f"{upload} is damaged; delete it and make a new request."
        ) from error


def _no_request(answer: Path, folder: Path) -> CertificateError:
    return CertificateError(
        "key_missing",
        f"No request in {_requests_folder(folder)} was made with the key of {answer.name}; "
        "name its key file with --key, or import a .p12 that holds both.",
    )


def _key(
    source: Path, leaf: x509.Certificate, passphrase: str | None, answer: Path
) -> rsa.RSAPrivateKey:
    wanted = leaf.public_key()
    for key in read_bundle(source, passphrase).keys:
        if key.public_key() == wanted:
            return key
    raise checks.key_mismatch(answer.name)


def _widened(
    authority: Authority, bundle: Bundle, folder: Path, passphrase: str | None
) -> Authority:
    trusted = authority.including(bundle.certificates)
    return read_shelf(folder, passphrase).widen(trusted) if folder.is_dir() else trusted


def _store(
    identity: AppleIdentity, bundle: Bundle, answer: Path, key_source: Path, folder: Path
) -> Path:
    """Keep files with a key inside as they are; else put certificate and key into one."""
    data = read_bytes(key_source)
    suffix = answer.suffix.lower() if answer.suffix.lower() in PKCS12_SUFFIXES else ".pem"
    if key_source != answer:
        if not is_pem(data):
            raise CertificateError(
                "key_unreadable",
                f"{key_source.name} is not a key in PEM; import a .p12 that holds both instead.",
            )
        data = b"".join(one.public_bytes(Encoding.PEM) for one in bundle.certificates) + data
    name = f"{identity.pass_type_identifier}-{identity.not_after:%Y-%m-%d}"
    path = folder / f"{name}-{identity.fingerprint[:8]}{suffix}"
    write_whole(path, data, PRIVATE_MODE)
    return path
