"""pass.json of a loyalty card as types: the keys Wallet reads, and what each may hold.

Keys of boarding passes and event tickets are left out on purpose. Sources: Apple, Wallet Passes
(Pass, PassFields, PassFieldContent, Pass.Barcodes). Each autumn's new keys are added here, with
the iOS that first reads them. Not for: how a face becomes a pass (see apple), pictures and the
wording of faults (see apple_rules).
"""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Literal, Required, cast, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from passes.settings import is_loopback
from passes.wallets.strict import STRICT, FreeJson, Moment, Otherwise, Text, Words

_DANGEROUS_SCHEMES = {"about", "blob", "data", "file", "javascript", "vbscript"}
MAX_ROW = 4  # secondary and auxiliary fields of a store card; Human Interface Guidelines: Wallet


@with_config(STRICT)
class FrontField(TypedDict, total=False):
    """PassFieldContent, as far as we use it."""

    key: Required[Words]
    value: Required[Text]
    label: Text
    changeMessage: Annotated[
        Text,
        StringConstraints(pattern="%@"),
        Otherwise(
            "change_message_invalid", "Must be text that contains %@, the place of the new value."
        ),
    ]


@with_config(STRICT)
class BackField(FrontField, total=False):
    """What only the back allows: links, and what the phone looks for in the text."""

    attributedValue: Annotated[
        str,
        StringConstraints(
            pattern=r'^[^<]*(?:<a href="[A-Za-z][A-Za-z0-9+.-]*:[^"<>]*">[^<]*</a>[^<]*)*$'
        ),
        Otherwise("markup_invalid", 'Must be text with no markup but <a href="scheme:…">…</a>.'),
    ]
    dataDetectorTypes: list[
        Literal[
            "PKDataDetectorTypeAddress",
            "PKDataDetectorTypeCalendarEvent",
            "PKDataDetectorTypeLink",
            "PKDataDetectorTypePhoneNumber",
        ]
    ]


@with_config(STRICT)
class Areas(TypedDict, total=False):
    """The style of a loyalty card."""

    headerFields: Annotated[list[FrontField], Field(max_length=3)]
    primaryFields: Annotated[list[FrontField], Field(max_length=1)]
    secondaryFields: Annotated[list[FrontField], Field(max_length=4)]
    auxiliaryFields: Annotated[list[FrontField], Field(max_length=4)]
    backFields: list[BackField]


def fits_one_card(card: Areas) -> bool:
    """Whether the row holds its fields and no two fields of the pass share a key."""
    keys = _keys(card)
    return _row_length(card) <= MAX_ROW and len(set(keys)) == len(keys)


def _card(card: Areas) -> Areas:
    if _row_length(card) > MAX_ROW:
        raise PydanticCustomError(
            "too_many",
            "Secondary and auxiliary fields share one row of at most {most}.",
            {"most": MAX_ROW},
        )
    if repeated := [key for key, count in Counter(_keys(card)).items() if count > 1]:
        raise PydanticCustomError(
            "key_repeated",
            "Every field of a pass has a key of its own; used twice: {keys}.",
            {"keys": ", ".join(repeated)},
        )
    return card


def _row_length(card: Areas) -> int:
    return len(card.get("secondaryFields", ())) + len(card.get("auxiliaryFields", ()))


def _keys(card: Areas) -> list[str]:
    areas = cast("Iterable[list[BackField]]", card.values())
    return [field["key"] for fields in areas for field in fields]


StoreCard = Annotated[Areas, AfterValidator(_card)]


@with_config(STRICT)
class PosterGeneric(TypedDict, total=False):
    """The full-bleed style that stands beside a store card; iOS 27."""

    headerFields: Annotated[list[FrontField], Field(max_length=1)]
    primaryFields: Annotated[list[FrontField], Field(max_length=4)]
    footerFields: Annotated[list[FrontField], Field(max_length=1)]
    backFields: list[BackField]


LegacyFormat = Literal["PKBarcodeFormatQR", "PKBarcodeFormatPDF417", "PKBarcodeFormatAztec"]
ClassicFormat = Literal[LegacyFormat, "PKBarcodeFormatCode128"]  # iOS 9
AnyFormat = Literal[
    ClassicFormat,
    "PKBarcodeFormatEAN13",  # iOS 27, as the next three
    "PKBarcodeFormatCode39",
    "PKBarcodeFormatCodabar",
    "PKBarcodeFormatI2of5",
]
LEGACY_FORMATS = frozenset(get_args(LegacyFormat))
_CLASSIC_FORMATS = frozenset(get_args(ClassicFormat))


@with_config(STRICT)
class _Code(TypedDict, total=False):
    message: Required[
        Annotated[
            str,
            StringConstraints(pattern=r"^[ -~]+$"),
            # Not every scanner reads the upper half of iso-8859-1.
            Otherwise("message_invalid", "Must be ASCII text, not empty, to be read everywhere."),
        ]
    ]
    messageEncoding: Required[Literal["iso-8859-1"]]
    altText: Text


@with_config(STRICT)
class Code(_Code):
    """One entry of `barcodes`."""

    format: Required[AnyFormat]


def _drawable(codes: list[Code]) -> list[Code]:
    if not any(code["format"] in _CLASSIC_FORMATS for code in codes):
        raise PydanticCustomError(
            "barcode_undrawable", "Must end with a format that phones before iOS 27 draw, as QR."
        )
    return codes


@with_config(STRICT)
class LegacyCode(_Code):
    """The deprecated `barcode`, which iOS 8 and the first watches read."""

    format: Required[LegacyFormat]


# --- top-level keys -------------------------------------------------------------------------------


@lru_cache(maxsize=16)  # a service has one
def _reachable(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not (safe and host) or parts.path.rstrip("/").endswith("/v1"):
        raise ValueError
    return url


def _harmless(url: str) -> str:
    if url.partition(":")[0].lower() in _DANGEROUS_SCHEMES:
        raise ValueError
    return url


_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
Colour = Annotated[
    str,
    StringConstraints(pattern=rf"^rgb\({_OCTET}, ?{_OCTET}, ?{_OCTET}\)$"),
    Otherwise("colour_invalid", "Must be written rgb(r, g, b), each from 0 to 255."),
]
Link = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$"),
    AfterValidator(_harmless),
    Otherwise(
        "url_invalid",
        "Must be a URL in ASCII with its scheme, but not javascript:, data: or file:.",
    ),
]


@with_config(STRICT)
class Location(TypedDict, total=False):
    """A shop whose neighbourhood brings the card to the lock screen."""

    latitude: Required[Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]]
    longitude: Required[Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]]
    relevantText: Words


@with_config(STRICT)
class Beacon(TypedDict, total=False):
    """A Bluetooth beacon that does the same."""

    proximityUUID: Required[
        Annotated[
            str,
            StringConstraints(pattern="^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"),
            Otherwise("uuid_invalid", "Must be a UUID."),
        ]
    ]
    major: Annotated[int, Field(ge=0, le=65_535)]
    minor: Annotated[int, Field(ge=0, le=65_535)]
    relevantText: Words


@with_config(STRICT)
class FeaturedAction(TypedDict, total=False):
    """A button on the card."""

    identifier: Required[Words]
    type: Required[Words]  # membershipBenefits, order, shop, call, place …
    url: Link
    placeIdentifier: Words


def _leads_somewhere(action: FeaturedAction) -> FeaturedAction:
    if ("placeIdentifier" if action["type"] == "place" else "url") not in action:
        raise PydanticCustomError(
            "target_missing", "An action of type place needs placeIdentifier, any other a url."
        )
    return action


@with_config(STRICT)
class Overrides(TypedDict, total=False):
    """What a template may add in `apple_overrides`."""

    logoText: Text
    associatedStoreIdentifiers: list[Annotated[int, Field(ge=1)]]
    appLaunchURL: Link
    maxDistance: Annotated[float, Field(gt=0, allow_inf_nan=False)]  # metres; the smaller one wins
    beacons: Annotated[list[Beacon], Field(max_length=10)]  # iOS 7, as the next two
    expirationDate: Moment
    userInfo: FreeJson
    sharingProhibited: bool  # iOS 11
    semantics: FreeJson  # iOS 12
    featuredActions: Annotated[  # iOS 27
        list[Annotated[FeaturedAction, AfterValidator(_leads_somewhere)]], Field(max_length=2)
    ]


@with_config(STRICT)
class Document(Overrides, total=False):
    """The whole pass.json of a loyalty card."""

    formatVersion: Required[Literal[1]]
    passTypeIdentifier: Required[
        Annotated[
            str,
            StringConstraints(pattern=r"^pass\.[A-Za-z0-9.-]+$"),
            Otherwise("identifier_invalid", "Must be a pass type, as pass.com.example.loyalty."),
        ]
    ]
    teamIdentifier: Required[
        Annotated[
            str,
            StringConstraints(pattern="^[A-Z0-9]{10}$"),
            Otherwise("identifier_invalid", "Must be ten capital letters and digits."),
        ]
    ]
    serialNumber: Required[Words]
    authenticationToken: Required[
        Annotated[
            str,
            StringConstraints(pattern="^[!-~]{32,}$"),
            Otherwise("token_weak", "Must be 32 ASCII characters or more, none of them a space."),
        ]
    ]
    webServiceURL: Required[
        Annotated[
            str,
            AfterValidator(_reachable),
            Otherwise(
                "web_service_invalid", "Must be https without /v1; http is for loopback only."
            ),
        ]
    ]
    organizationName: Required[Words]
    description: Required[Words]
    storeCard: Required[StoreCard]
    backgroundColor: Colour
    foregroundColor: Colour
    labelColor: Colour
    barcode: LegacyCode
    locations: Annotated[list[Location], Field(max_length=10)]  # Pass.locations
    voided: bool  # iOS 7
    barcodes: Required[Annotated[list[Code], AfterValidator(_drawable)]]  # iOS 9
    posterGeneric: PosterGeneric  # iOS 27


def _pairs_are_whole(keys: Overrides) -> Overrides:
    if "appLaunchURL" in keys and "associatedStoreIdentifiers" not in keys:
        raise PydanticCustomError(
            "key_lonely", "appLaunchURL has no effect without associatedStoreIdentifiers."
        )
    return keys


BACK_FIELD: TypeAdapter[BackField] = TypeAdapter(BackField)
DOCUMENT: TypeAdapter[Document] = TypeAdapter(Annotated[Document, AfterValidator(_pairs_are_whole)])
OVERRIDES: TypeAdapter[Overrides] = TypeAdapter(
    Annotated[Overrides, AfterValidator(_pairs_are_whole)]
)
