"""Our Apple identities: which pass types this process can sign, and why it cannot sign others."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from certs import checks
from certs.authority import Authority, is_authority
from certs.errors import CertificateError, SigningUnavailable
from certs.files import PKCS12_SUFFIXES, Bundle, read_bundle, stem
from certs.signing import sign_detached

READ_SUFFIXES = PKCS12_SUFFIXES | {".pem", ".cer", ".crt", ".key"}


@dataclass(frozen=True, slots=True)
class AppleIdentity:
    """A Pass Type ID certificate with its key, checked and ready to sign.

    `not_before` and `not_after` bound the time in which leaf and intermediate are both valid;
    `fingerprint` is the leaf's SHA-256 in hex; `source` is the name of its file.
    """

    pass_type_identifier: str
    team_identifier: str
    certificate: x509.Certificate
    intermediate: x509.Certificate
    not_before: datetime
    not_after: datetime
    fingerprint: str
    source: str
    key: rsa.RSAPrivateKey = field(repr=False)

    def sign(self, manifest: bytes) -> bytes:
        """The bytes of the file `signature` for these bytes of `manifest.json`."""
        return sign_detached(manifest, self.certificate, self.key, self.intermediate)


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that cannot be used; `pass_type_identifier` is None when the file does not tell it."""

    file: str
    pass_type_identifier: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Keyring:
    """One identity for each pass type we can sign, and what is wrong with the other files."""

    identities: Mapping[str, AppleIdentity]
    problems: tuple[Problem, ...]

    @property
    def only(self) -> AppleIdentity | None:
        """The identity of programs that name none: the single one loaded, else None."""
        return next(iter(self.identities.values())) if len(self.identities) == 1 else None

    def identity(self, pass_type_identifier: str, now: datetime) -> AppleIdentity:
        """The identity that signs this pass type, or SigningUnavailable with reason and cure."""
        identity = self.identities.get(pass_type_identifier)
        if identity is None:
            raise SigningUnavailable(self._why_not(pass_type_identifier))
        try:
            checks.check_dates(identity.not_before, identity.not_after, identity.source, now)
        except CertificateError as error:
            raise SigningUnavailable(str(error)) from error
        return identity

    def _why_not(self, pass_type_identifier: str) -> str:
        for suspect in (pass_type_identifier, None):  # a file that tells no type may be the one
            for problem in self.problems:
                if problem.pass_type_identifier == suspect:
                    return problem.message
        return (
            f"No certificate for {pass_type_identifier} is loaded; "
            f"order one with `passmint certs csr {pass_type_identifier}`."
        )


def load_identities(
    folder: Path, authority: Authority, passphrase: str | None, now: datetime
) -> Keyring:
    """All identities of a folder: `.pem .cer .crt .key .p12 .pfx`, in one file each or in several.

    Keys find their certificates by public key, whatever the files are called. Of several
    certificates for one pass type, the valid one that ends last signs. Further intermediates of
    the authority's root that lie in the folder are used as well. A file that cannot be used
    becomes a problem of the keyring; nothing is raised. Costs about 50 ms for each key.
    """
    try:
        shelf = read_shelf(folder, passphrase)
    except OSError as error:
        message = (
            f"The certificates folder {folder} cannot be read ({error.strerror}); "
            "create it, or name another with PASSMINT_APPLE_CERTIFICATES."
        )
        return Keyring({}, (Problem(folder.name, None, "folder_unreadable", message),))
    return _keyring(shelf, shelf.widen(authority), now)


def identify(
    certificate: x509.Certificate,
    key: rsa.RSAPrivateKey,
    authority: Authority,
    source: str,
    now: datetime,
) -> AppleIdentity:
    """The identity that certificate and key make, once all that phones check is right.

    Raises CertificateError: not_a_pass_certificate, pass_type_mismatch, team_missing,
    key_mismatch, intermediate_mismatch, certificate_expired, certificate_not_yet_valid.
    """
    pass_type_identifier = checks.pass_type_of(certificate, source)
    team_identifier = checks.team_of(certificate, source)
    checks.check_key(certificate, key, source)
    intermediate = checks.intermediate_of(certificate, authority, source)
    not_before = max(certificate.not_valid_before_utc, intermediate.not_valid_before_utc)
    not_after = min(certificate.not_valid_after_utc, intermediate.not_valid_after_utc)
    checks.check_dates(not_before, not_after, source, now)
    return AppleIdentity(
        pass_type_identifier=pass_type_identifier,
        team_identifier=team_identifier,
        certificate=certificate,
        intermediate=intermediate,
        not_before=not_before,
        not_after=not_after,
        fingerprint=certificate.fingerprint(SHA256()).hex(),
        source=source,
        key=key,
    )


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder as read: what each file holds, and why some could not be opened."""

    bundles: Mapping[Path, Bundle]
    failures: Mapping[Path, CertificateError]

    def leaves(self) -> Iterator[tuple[Path, x509.Certificate]]:
        """Every certificate that is no authority, with its file."""
        for path, bundle in self.bundles.items():
            yield from ((path, one) for one in bundle.certificates if not is_authority(one))

    def widen(self, authority: Authority) -> Authority:
        """The authority with the intermediates that lie here as well."""
        return authority.including(
            one for bundle in self.bundles.values() for one in bundle.certificates
        )

    def key_for(self, certificate: x509.Certificate) -> rsa.RSAPrivateKey | None:
        """The key of this certificate from any file."""
        public_key = certificate.public_key()
        keys = (key for bundle in self.bundles.values() for key in bundle.keys)
        return next((key for key in keys if key.public_key() == public_key), None)

    def why_no_key(self, path: Path) -> CertificateError:
        """Why the certificate in this file has no key: locked, another's, or not there."""
        for other, failure in self.failures.items():
            if stem(other) == stem(path):
                return failure
        if any(bundle.keys and stem(p) == stem(path) for p, bundle in self.bundles.items()):
            return checks.key_mismatch(path.name)
        return CertificateError(
            "key_missing",
            f"The private key of {path.name} is not in the certificates folder; put the key made "
            f"with its request there as {stem(path)}.key, or export both as PKCS#12 (.p12).",
        )


def read_shelf(folder: Path, passphrase: str | None) -> Shelf:
    """Read every key and certificate file of a folder, not of folders inside it; raises OSError."""
    bundles: dict[Path, Bundle] = {}
    failures: dict[Path, CertificateError] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() not in READ_SUFFIXES:
            continue
        try:
            bundles[path] = read_bundle(path, passphrase)
        except CertificateError as error:
            failures[path] = error
    return Shelf(bundles, failures)


def _keyring(shelf: Shelf, authority: Authority, now: datetime) -> Keyring:
    identities: dict[str, AppleIdentity] = {}
    problems: list[Problem] = []
    for path, certificate in shelf.leaves():
        outcome = _identity_or_problem(shelf, path, certificate, authority, now)
        if isinstance(outcome, Problem):
            problems.append(outcome)
        else:
            _keep_longest(identities, outcome)
    problems.extend(_untold(shelf.failures, problems))
    return Keyring(identities, tuple(_unsolved(problems, identities)))


def _identity_or_problem(
    shelf: Shelf, path: Path, certificate: x509.Certificate, authority: Authority, now: datetime
) -> AppleIdentity | Problem:
    try:
        key = shelf.key_for(certificate)
        if key is None:
            raise shelf.why_no_key(path)
        return identify(certificate, key, authority, path.name, now)
    except CertificateError as error:
        return Problem(path.name, _claimed_type(certificate), error.code, str(error))
    except (ValueError, UnsupportedAlgorithm):
        message = f"{path.name} holds a malformed certificate; download it from Apple again."
        return Problem(path.name, None, "certificate_unreadable", message)


def _claimed_type(certificate: x509.Certificate) -> str | None:
    return checks.subject_value(certificate, NameOID.USER_ID)


def _keep_longest(identities: dict[str, AppleIdentity], identity: AppleIdentity) -> None:
    rival = identities.get(identity.pass_type_identifier)
    if rival is None or identity.not_after > rival.not_after:
        identities[identity.pass_type_identifier] = identity


def _untold(
    failures: Mapping[Path, CertificateError], problems: Iterable[Problem]
) -> list[Problem]:
    """Files that could not be opened, but those already told as why a certificate has no key."""
    told = {one.message for one in problems}
    return [
        Problem(path.name, None, error.code, str(error))
        for path, error in failures.items()
        if str(error) not in told
    ]


def _unsolved(
    problems: Iterable[Problem], identities: Mapping[str, AppleIdentity]
) -> Iterator[Problem]:
    """Problems but those of an old or future certificate whose pass type another one signs."""
    dated = {"certificate_expired", "certificate_not_yet_valid"}
    for problem in problems:
        if problem.code not in dated or problem.pass_type_identifier not in identities:
            yield problem
