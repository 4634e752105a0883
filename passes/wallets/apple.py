"""The Apple rendering: face + facts + identity + artwork → the bytes of a `.pkpass`.

The only file that touches wallet-py3k. The library gives the document model and the four steps of
`create`; its faults are overridden here one by one. The strict checks live in apple_rules, the zip
in package.
"""

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from html import escape
from typing import IO, Any, NamedTuple, Protocol

from pydantic_core import to_json
from wallet.models import Barcode, Field, Pass, StoreCard

from branding.colour import Colour
from branding.piece import Piece
from certs.apple import AppleIdentity
from passes.errors import FieldFault, Invalid
from passes.loyalty.face import FaceBarcode, FaceField, FacePlace, PassFace
from passes.wallets.apple_fields import LEGACY_FORMATS
from passes.wallets.apple_rules import (
    check_overrides,
    document_faults,
    faults,
    is_sound_field,
)
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


class Signatory(Protocol):
    """Who signs, as far as it stands in the pass."""

    @property
    def pass_type_identifier(self) -> str: ...

    @property
    def team_identifier(self) -> str: ...


class _Sample(NamedTuple):
    pass_type_identifier: str
    team_identifier: str


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


def faults_of(
    face: PassFace, overrides: Mapping[str, object], pass_type_identifier: str
) -> tuple[Fault, ...]:
    """Everything phones would refuse in a card with this face, before anybody has one."""
    facts = PassFacts("sample", "-" * 32, "https://sample.example/apple", "https://sample.example")
    signatory = _Sample(pass_type_identifier, "A" * 10)
    card = LoyaltyPass(face, replace(facts, overrides=overrides), signatory, ())
    return document_faults(card.json_dict())


def pass_json(face: PassFace, facts: PassFacts, identity: AppleIdentity) -> bytes:
    """The unchecked pass.json: the same bytes for the same state, whoever renders it."""
    return to_json(LoyaltyPass(face, facts, identity, ()).json_dict())


class LoyaltyField(Field):
    """A field that says only what it has to say, and knows whether it is sound.

    The library always adds an empty label, an empty change message and a left alignment, which
    breaks Hebrew and is forbidden on primary and back fields.
    """

    def __init__(
        self, key: str, label: str, value: str, change_message: str | None = None, **more: object
    ) -> None:
        super().__init__(key, value, label)
        del self.textAlignment
        self.changeMessage = change_message or ""
        self.row: dict[str, object] = {"key": key, "value": value, **more}
        if label:
            self.row["label"] = label
        if change_message:
            self.row["changeMessage"] = change_message
        self.sound = is_sound_field(self.row)

    def json_dict(self) -> dict[str, Any]:
        return self.row.copy()


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


class LoyaltyCard(StoreCard):
    """The style of a loyalty card, its fields in the areas of the face."""

    def __init__(self, face: PassFace, card_url: str) -> None:
        super().__init__()
        back = [*_back(face), _link("card", card_url, face.description)]
        front = [
            _front(area) for area in (face.header, face.primary, face.secondary, face.auxiliary)
        ]
        self.headerFields, self.primaryFields, self.secondaryFields, self.auxiliaryFields = front
        self.backFields = back
        # Whether every single field is sound; how they stand together is another question.
        self.sound = all(one.sound for fields in (*front, back) for one in fields)


class LoyaltyPass(Pass):
    """A store card: the library's steps of `create`, with everything in memory."""

    def __init__(
        self,
        face: PassFace,
        facts: PassFacts,
        identity: Signatory,
        pieces: Sequence[Piece],
    ) -> None:
        self.card = LoyaltyCard(face, facts.card_url)
        super().__init__(
            self.card,
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
        self.places = [_place(place) for place in face.places]
        self.max_distance_m = face.max_distance_m
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

        The library knows no `barcodes` and no `maxDistance`, gives every location an altitude of 0,
        misspells `exprirationDate` and always adds `suppressStripShine`.
        """
        document = super().json_dict()
        del document["suppressStripShine"]
        codes = [code.json_dict() for code in self.barcodes]
        document["barcodes"] = codes
        # Read by iOS 8 and the first watches: the first code they can draw.
        document["barcode"] = next(code for code in codes if code["format"] in LEGACY_FORMATS)
        if self.places:
            document["locations"] = self.places
        if self.max_distance_m is not None:
            document["maxDistance"] = self.max_distance_m
        document.update(sorted(self.overrides.items()))
        return document

    def _createPassJson(self) -> bytes:  # noqa: N802
        document = self.json_dict()
        found = faults(document, self.pieces, fields_checked=self.card.sound)
        if self.overrides:
            found = tuple(dict.fromkeys(check_overrides(self.overrides) + found))
        if found:
            raise PassInvalid(found)
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
            [(piece.name, piece.png, piece.crc32) for piece in self.pieces],
            [(name, content, zlib.crc32(content)) for name, content in texts],
        )


def _front(fields: tuple[FaceField, ...]) -> list[LoyaltyField]:
    return [_field(one.key, one.label, one.value, one.change_message) for one in fields]


def _back(face: PassFace) -> list[LoyaltyField]:
    """The back: a contact is one row with its text linked; further links follow, one row each."""
    links = {link.key: link.uri for link in face.links}
    return [
        *[
            _back_field(one.key, one.label, one.value, one.change_message, links.pop(one.key, ""))
            for one in face.back
        ],
        *[
            _shared_link(f"link.{one.key}", one.uri, one.description)
            for one in face.links
            if one.key in links
        ],
    ]


# Most fields are the same on many cards, so each is made and checked once; about 2 MB each.
_field = lru_cache(maxsize=2048)(LoyaltyField)


@lru_cache(maxsize=2048)
def _back_field(
    key: str, label: str, value: str, change_message: str | None, uri: str
) -> LoyaltyField:
    if uri:
        linked = _anchor(uri, value)
        return LoyaltyField(key, label, value, change_message, attributedValue=linked)
    if key in _DETECTORS:
        found = _DETECTORS[key]
        return LoyaltyField(key, label, value, change_message, dataDetectorTypes=found)
    return LoyaltyField(key, label, value, change_message)


def _link(key: str, uri: str, text: str) -> LoyaltyField:
    """A row without label; the bare URI stands for readers that know no `attributedValue`."""
    return LoyaltyField(key, "", uri, attributedValue=_anchor(uri, text))


_shared_link = lru_cache(maxsize=2048)(_link)


def _anchor(uri: str, text: str) -> str:
    return f'<a href="{escape(uri)}">{escape(text, quote=False)}</a>'


def _barcodes(barcode: FaceBarcode) -> list[LoyaltyBarcode]:
    """The chosen format, and QR last for phones that cannot draw it."""
    formats = [barcode.format] if barcode.format == "qr" else [barcode.format, "qr"]
    return [LoyaltyBarcode(barcode, one) for one in formats]


def _place(place: FacePlace) -> dict[str, object]:
    return {
        "latitude": place.latitude,
        "longitude": place.longitude,
        "relevantText": place.text,
    }


def _rgb(colour: Colour) -> str:
    return f"rgb({colour.red}, {colour.green}, {colour.blue})"
