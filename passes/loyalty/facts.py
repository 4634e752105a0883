"""What a face is computed from: the design, and the facts of merchant, program and member."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from branding.palette import Palette
from passes.loyalty.stamps import StampRules


@dataclass(frozen=True, slots=True)
class FaceLink:
    """Something to tap: a URI with scheme (https, tel, mailto, geo) and what it leads to."""

    key: str
    uri: str
    description: str


@dataclass(frozen=True, slots=True)
class FieldDesign:
    """A field as the merchant wrote it, with placeholders in label and value."""

    key: str
    label: str
    value: str
    change_message: str | None = None


@dataclass(frozen=True, slots=True)
class BarcodeDesign:
    """How the member's code is drawn; an empty `alt_text` shows the code itself."""

    format: str = "qr"
    alt_text: str = ""


@dataclass(frozen=True, slots=True)
class Design:
    """A template's wallet-neutral half. An area absent from `fields` shows our own fields."""

    palette: Palette
    strip_mode: str = "stamps"  # stamps, image or none
    fields: Mapping[str, tuple[FieldDesign, ...]] = field(default_factory=dict)
    barcode: BarcodeDesign = field(default_factory=BarcodeDesign)
    links: tuple[FaceLink, ...] = ()


@dataclass(frozen=True, slots=True)
class MerchantFacts:
    """The merchant as the card names it; every contact is optional."""

    name: str
    email: str | None = None
    phone: str | None = None
    website: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class ProgramFacts:
    """The program as the card tells it."""

    name: str
    rules: StampRules
    terms: str = ""
    unit_label: str = ""  # what a stamp is called; empty: our own word for it


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """Who carries the card and how far they are: `stamps` is the ledger's sum."""

    code: str
    stamps: int = 0
    first_name: str = ""
    last_name: str = ""
    voided: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()
