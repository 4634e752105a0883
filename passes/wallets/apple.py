"""The Apple rendering: face + facts + identity + artwork → the bytes of a `.pkpass`.

The only file that touches wallet-py3k. The library gives the document model and the four steps of
`create`; its faults are overridden here one by one. The strict checks live in apple_rules, the zip
in package.
"""

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from typing import IO, Any

from pydantic_core import to_json
from wallet.models import Barcode, Field, Pass, StoreCard

from branding.colour import Colour
from branding.piece import Piece
from certs.apple import AppleIdentity
from passes.errors import FieldFault, Invalid
from passes.loyalty.face import FaceBarcode, FaceField, FaceLink, PassFace
from passes.wallets.apple_document import LEGACY_FORMATS
from passes.wallets.apple_rules import check_overrides, faults
from passes.wallets.faults import Fault
from passes.wallets.package import pack

MEDIA_TYPE = "application/vnd.apple.pkpass"

_FORMATS = {
    "qr": "PKBarcodeFormatQR",
    "aztec": "PKBarcodeFormatAztec",
    "pdf417": "PKBarcodeFormatPDF417",
    "code128": "PKBarcodeFormatCode128",
}
# Where our own texts hold something to tap; numbers in "how it works" are no phone numbers.
_DETECTORS: dict[str, list[str]] = {
    "how_it_works": [],
    "address": ["PKDataDetectorTypeAddress"],
}


@dataclass(frozen=True, slots=True)
class PassFacts:
    """What a pass carries beyond its face: who it is and where phones and people find it again.

    `authentication_token` has at least 32 random characters and never changes, nor does
    `serial_number`. `web_service_url` is `{PUBLIC_URL}/apple`, `card_url` the card's public page.
    `logo_says_name` drops the name beside the logo. `overrides` are the template's
    `apple_overrides`.
    """

    serial_number: str
    authentication_token: str = field(repr=False)
    web_service_url: str
    card_url: str = field(repr=False)
    logo_says_name: bool = False
    overrides: Mapping[str, object] = field(default_factory=dict)


class PassInvalid(Invalid):
    """A pass that phones would refuse, with every reason; nothing was signed."""

    code = "template_invalid"

    def __init__(self, found: Iterable[Fault]) -> None:
        super().__init__(
            [FieldFault(fault.pointer, fault.code, fault.detail) for fault in found],
            "Apple Wallet would refuse this pass; correct the template.",
        )


def build(
    face: PassFace, facts: PassFacts, identity: AppleIdentity, pieces: Sequence[Piece]
) -> bytes:
    """The signed `.pkpass`; raises PassInvalid with every fault before anything is signed.

    pass.json and manifest.json follow from the arguments alone; the signature carries its time.
    """
    return LoyaltyPass(face, facts, identity, pieces).create(identity)


def pass_json(face: PassFace, facts: PassFacts, identity: AppleIdentity) -> bytes:
    """The unchecked pass.json: the same bytes for the same state, whoever renders it."""
    return to_json(LoyaltyPass(face, facts, identity, ()).json_dict())


class LoyaltyField(Field):
    """A field that says only what it has to say.

    The library always adds an empty label, an empty change message and a left alignment, which
    breaks Hebrew and is forbidden on primary and back fields.
    """

    def __init__(self, field: FaceField, **more: object) -> None:
        super().__init__(field.key, field.value, field.label)
        self.changeMessage = field.change_message or ""
        self.more = more

    def json_dict(self) -> dict[str, Any]:
        document = {"key": self.key, "value": self.value, **self.more}
        if self.label:
            document["label"] = self.label
        if self.changeMessage:
            document["changeMessage"] = self.changeMessage
        return document


class LoyaltyBarcode(Barcode):
    """A code whose encoding fits its message, QR where nothing else is asked for.

    The library defaults to PDF417 and claims iso-8859-1 for everything.
    """

    def __init__(self, barcode: FaceBarcode, format: str = "qr") -> None:  # noqa: A002
        super().__init__(barcode.message, _FORMATS[format], barcode.alt_text)

    def json_dict(self) -> dict[str, Any]:
        document = {
            "format": self.format,
            "message": self.message,
            "messageEncoding": self.messageEncoding,
        }
        return document | {"altText": self.altText} if self.altText else document


class LoyaltyPass(Pass):
    """A store card: the library's steps of `create`, with everything in memory."""

    def __init__(
        self,
        face: PassFace,
        facts: PassFacts,
        identity: AppleIdentity,
        pieces: Sequence[Piece],
    ) -> None:
        super().__init__(
            _store_card(face, facts),
            passTypeIdentifier=identity.pass_type_identifier,
            organizationName=face.organization_name,
            teamIdentifier=identity.team_identifier,
        )
        self.serialNumber = facts.serial_number
        self.description = face.description
        self.backgroundColor = _rgb(face.palette.background)
        self.foregroundColor = _rgb(face.palette.foreground)
        self.labelColor = _rgb(face.palette.label)
        self.logoText = None if facts.logo_says_name else face.organization_name
        self.webServiceURL = facts.web_service_url
        self.authenticationToken = facts.authentication_token
        self.voided = face.voided
        self.barcodes = _barcodes(face.barcode)
        self.overrides = facts.overrides
        self.pieces = sorted(pieces, key=lambda piece: piece.name)

    def addFile(self, name: str, fd: IO[bytes]) -> None:  # noqa: ARG002, N802
        """Refused: the library reads anything under any name; ours are checked pictures."""
        raise TypeError(f"{name} cannot be added; artwork comes as pieces when the pass is made")

    def create(self, identity: AppleIdentity) -> bytes:  # type: ignore[override]
        """The package. The library's own takes file names and a pass phrase for a subprocess."""
        document = self._createPassJson()
        manifest = self._createManifest(document)
        return self._createZip(document, manifest, self._createSignature(manifest, identity))

    def json_dict(self) -> dict[str, Any]:
        """pass.json as values; the template's overrides come last.

        The library knows no `barcodes`, misspells `exprirationDate` and always adds
        `suppressStripShine`.
        """
        document = super().json_dict()
        del document["suppressStripShine"]
        codes = [code.json_dict() for code in self.barcodes]
        document["barcodes"] = codes
        # Read by iOS 8 and the first watches: the first code they can draw.
        document["barcode"] = next(code for code in codes if code["format"] in LEGACY_FORMATS)
        document.update(sorted(self.overrides.items()))
        return document

    def _createPassJson(self) -> bytes:  # noqa: N802
        document = self.json_dict()
        found = (*check_overrides(self.overrides), *faults(document, self.pieces))
        if found:
            raise PassInvalid(dict.fromkeys(found))
        return to_json(document)

    def _createManifest(self, pass_json: bytes) -> bytes:  # noqa: N802
        """SHA-1, as Apple's format demands, of exactly the files of this package."""
        hashes = {piece.name: piece.sha1 for piece in self.pieces}
        hashes["pass.json"] = hashlib.sha1(pass_json, usedforsecurity=False).hexdigest()
        return to_json(hashes)

    def _createSignature(  # type: ignore[override]  # noqa: N802
        self, manifest: bytes, identity: AppleIdentity
    ) -> bytes:
        return identity.sign(manifest)

    def _createZip(  # type: ignore[override]  # noqa: N802
        self, pass_json: bytes, manifest: bytes, signature: bytes
    ) -> bytes:
        texts = (("pass.json", pass_json), ("manifest.json", manifest), ("signature", signature))
        return pack(
            [
                *((name, content, zlib.crc32(content)) for name, content in texts),
                *((piece.name, piece.png, piece.crc32) for piece in self.pieces),
            ]
        )


def _store_card(face: PassFace, facts: PassFacts) -> StoreCard:
    card = StoreCard()
    card.headerFields = [LoyaltyField(one) for one in face.header]
    card.primaryFields = [LoyaltyField(one) for one in face.primary]
    card.secondaryFields = [LoyaltyField(one) for one in face.secondary]
    card.auxiliaryFields = [LoyaltyField(one) for one in face.auxiliary]
    card.backFields = [*_back(face), _link("card", facts.card_url, face.description)]
    return card


def _back(face: PassFace) -> list[Field]:
    """The back: a contact is one row with its text linked; further links follow, one row each."""
    linked = {link.key: link for link in face.links}
    rows: list[Field] = [_back_row(one, linked.pop(one.key, None)) for one in face.back]
    return rows + [_link(f"link.{one.key}", one.uri, one.description) for one in linked.values()]


def _back_row(field: FaceField, link: FaceLink | None) -> LoyaltyField:
    if link:
        return LoyaltyField(field, attributedValue=_anchor(link.uri, field.value))
    if field.key in _DETECTORS:
        return LoyaltyField(field, dataDetectorTypes=_DETECTORS[field.key])
    return LoyaltyField(field)


def _link(key: str, uri: str, text: str) -> LoyaltyField:
    """A row without label; the bare URI stands for readers that know no `attributedValue`."""
    return LoyaltyField(FaceField(key, "", uri), attributedValue=_anchor(uri, text))


@lru_cache(maxsize=1024)  # contacts and links are the same on every card of a program
def _anchor(uri: str, text: str) -> str:
    return f'<a href="{escape(uri)}">{escape(text, quote=False)}</a>'


def _barcodes(barcode: FaceBarcode) -> list[LoyaltyBarcode]:
    """The chosen format, and QR last for phones that cannot draw it."""
    formats = [barcode.format] if barcode.format == "qr" else [barcode.format, "qr"]
    return [LoyaltyBarcode(barcode, one) for one in formats]


def _rgb(colour: Colour) -> str:
    return f"rgb({colour.red}, {colour.green}, {colour.blue})"
