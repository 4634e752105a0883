"""Fields, their areas and codes of a loyalty card as types: what each may hold, and how many fit.

Sources: Apple, Wallet Passes (PassFields, PassFieldContent, Pass.Barcodes). Not for: the keys of
the whole pass (see apple_document).
"""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal, Required, cast, get_args

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from passes.wallets.strict import STRICT, Otherwise, Text, Words

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


Codes = Annotated[list[Code], AfterValidator(_drawable)]


@with_config(STRICT)
class LegacyCode(_Code):
    """The deprecated `barcode`, which iOS 8 and the first watches read."""

    format: Required[LegacyFormat]


BACK_FIELD: TypeAdapter[BackField] = TypeAdapter(BackField)
