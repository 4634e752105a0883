"""Whom we trust to have issued our certificates: Apple, or a development root named on purpose."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from certs.errors import CertificateError
from certs.files import read_bundle


@dataclass(frozen=True, slots=True)
class Authority:
    """A trusted root and the intermediates it has issued.

    `development` is true when `path`, and not Apple, is trusted: phones refuse such passes.
    """

    root: x509.Certificate
    intermediates: tuple[x509.Certificate, ...]
    development: bool
    path: Path | None

    def issuer_of(self, certificate: x509.Certificate) -> x509.Certificate | None:
        """The intermediate that issued `certificate`, by name, key identifier and signature."""
        return next((ca for ca in self.intermediates if is_issued_by(certificate, ca)), None)

    def including(self, certificates: Iterable[x509.Certificate]) -> "Authority":
        """The same trust with those of `certificates` that are further intermediates of the root.

        So another WWDR generation needs no setting; what the root has not issued is left out.
        """
        known = dict.fromkeys(self.intermediates)
        known.update(dict.fromkeys(_intermediates_of(self.root, certificates)))
        return replace(self, intermediates=tuple(known))


def apple_authority() -> Authority:
    """Apple's root and the WWDR G4 intermediate, which issues today's Pass Type ID certificates."""
    return Authority(
        root=_bundled("AppleRootCA.pem"),
        intermediates=(_bundled("AppleWWDRCAG4.pem"),),
        development=False,
        path=None,
    )


def load_authority(path: Path) -> Authority:
    """The root and intermediate of a PEM file, trusted *instead of* Apple's.

    Raises CertificateError (certificate_unreadable, authority_incomplete).
    """
    certificates = read_bundle(path, None).certificates
    roots = [one for one in certificates if one.issuer == one.subject and _is_signed_by(one, one)]
    if len(roots) != 1:
        raise CertificateError(
            "authority_incomplete",
            f"{path.name} must hold exactly one self-signed root certificate and holds "
            f"{len(roots)}; put the intermediate and its root into it.",
        )
    intermediates = tuple(_intermediates_of(roots[0], certificates))
    if not intermediates:
        raise CertificateError(
            "authority_incomplete",
            f"{path.name} holds no intermediate certificate that its root has issued; "
            "put the intermediate that issued your certificate into it.",
        )
    return Authority(roots[0], intermediates, development=True, path=path)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate may issue others (basic constraint CA)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether key identifiers (AKI, SKI), names and the signature all say so.

    Generations of Apple's WWDR authority bear the same common name; the key identifier and the
    signature tell them apart.
    """
    try:
        authority = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
        subject = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return False
    same_key = authority.value.key_identifier == subject.value.digest
    return same_key and _is_signed_by(certificate, issuer)


def _is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _intermediates_of(
    root: x509.Certificate, certificates: Iterable[x509.Certificate]
) -> Iterable[x509.Certificate]:
    return (
        one
        for one in certificates
        if is_authority(one) and one.subject != root.subject and is_issued_by(one, root)
    )


def _bundled(name: str) -> x509.Certificate:
    data = resources.files("certs").joinpath("data", name).read_bytes()
    return x509.load_pem_x509_certificate(data)
