"""What a phone demands of a store card, checked before we sign: Wallet refuses without a reason.

`faults` looks at a whole pass, `check_overrides` at what a template adds to it. Every key is known
or a fault, because a misspelt one would be ignored in silence; the keys of boarding passes and
event tickets are unknown on purpose. Sources: Apple, Wallet Passes (Pass, PassFields) and Human
Interface Guidelines (Wallet).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from branding.artwork import ICON_PT, LOGO_PT, SCALES, STRIP_PT
from branding.piece import Piece
from passes.wallets import shapes
from passes.wallets.faults import Fault
from passes.wallets.shapes import Found, Rule, array, must, pattern, table, under

LEGACY_BARCODES = frozenset({"PKBarcodeFormatQR", "PKBarcodeFormatPDF417", "PKBarcodeFormatAztec"})
_IOS_9_BARCODES = LEGACY_BARCODES | {"PKBarcodeFormatCode128"}
_IOS_27_BARCODES = frozenset(
    {
        "PKBarcodeFormatEAN13",
        "PKBarcodeFormatCode39",
        "PKBarcodeFormatCodabar",
        "PKBarcodeFormatI2of5",
    }
)
_DETECTORS = (
    "PKDataDetectorTypeAddress",
    "PKDataDetectorTypeCalendarEvent",
    "PKDataDetectorTypeLink",
    "PKDataDetectorTypePhoneNumber",
)
_FRONT_AREAS = ("headerFields", "primaryFields", "secondaryFields", "auxiliaryFields")
_AREAS = (*_FRONT_AREAS, "backFields")


def faults(document: Mapping[str, object], pieces: Sequence[Piece]) -> Found:
    """Everything wrong with a pass: `document` is its pass.json, `pieces` are its pictures."""
    return (*_DOCUMENT(document), *_lonely(document), *_picture_faults(pieces))


def check_overrides(overrides: Mapping[str, object]) -> Found:
    """Everything wrong with a template's `apple_overrides`, top-level keys merged into pass.json.

    What we write ourselves (identity, token, web service, fields, codes, colours, shops) cannot
    be replaced.
    """
    ours = [key for key in overrides if key in _RESERVED]
    theirs = {key: value for key, value in overrides.items() if key not in _RESERVED}
    reserved = Fault("", "key_reserved", "We write this key ourselves; leave it out.")
    return (*(under(key, reserved) for key in ours), *_OVERRIDES(theirs), *_lonely(theirs))


# --- fields and codes -----------------------------------------------------------------------------

_FRONT_KEYS: dict[str, Rule] = {
    "key": shapes.words,
    "label": shapes.words,
    "value": must(
        lambda value: shapes.is_text(value) or shapes.is_number(value),
        "value_invalid",
        "Must be a number, or text without control characters.",
    ),
    "changeMessage": must(
        lambda value: shapes.is_text(value) and "%@" in str(value),
        "change_message_invalid",
        "Must be text that contains %@, which stands for the new value.",
    ),
}
_BACK_KEYS = _FRONT_KEYS | {
    "attributedValue": pattern(
        r'[^<]*(?:<a href="[a-z][a-z0-9+.-]*:[^"<>]*">[^<]*</a>[^<]*)*',
        "markup_invalid",
        'Must be text whose only markup is <a href="scheme:…">…</a>.',
    ),
    "dataDetectorTypes": array(shapes.one_of(_DETECTORS)),
}
_FRONT_FIELD = table(_FRONT_KEYS, ("key", "value"))
_BACK_FIELD = table(_BACK_KEYS, ("key", "value"))
_FIELDS = table(
    {
        "headerFields": array(_FRONT_FIELD, 3),
        "primaryFields": array(_FRONT_FIELD, 1),
        "secondaryFields": array(_FRONT_FIELD, 4),
        "auxiliaryFields": array(_FRONT_FIELD, 4),
        "backFields": array(_BACK_FIELD),
    }
)
_ROW = 4  # secondary and auxiliary fields of a store card share one row


def _store_card(value: object) -> Found:
    if not isinstance(value, dict):
        return _FIELDS(value)
    return (*_FIELDS(value), *_twins(value), *_crowd(value))


def _twins(card: Mapping[str, object]) -> Found:
    places = [
        (field["key"], area, index)
        for area in _AREAS
        if isinstance(fields := card.get(area), list)
        for index, field in enumerate(fields)
        if isinstance(field, dict) and isinstance(field.get("key"), str)
    ]
    first = {key: (area, index) for key, area, index in reversed(places)}
    if len(first) == len(places):
        return ()
    return tuple(
        Fault(f"/{area}/{index}/key", "key_repeated", "Must be unique over the whole pass.")
        for key, area, index in places
        if first[key] != (area, index)
    )


def _crowd(card: Mapping[str, object]) -> Found:
    rows = [card.get("secondaryFields"), card.get("auxiliaryFields")]
    if sum(len(row) for row in rows if isinstance(row, list)) <= _ROW:
        return ()
    detail = f"Secondary and auxiliary fields share one row of at most {_ROW}."
    return (Fault("/auxiliaryFields", "too_many", detail),)


def _code(formats: frozenset[str]) -> Rule:
    keys = table(
        {
            "format": shapes.one_of(formats),
            "message": shapes.words,
            "messageEncoding": shapes.one_of(("iso-8859-1", "utf-8")),
            "altText": shapes.text,
        },
        ("format", "message", "messageEncoding"),
    )
    return lambda value: (*keys(value), *_unencodable(value))


def _unencodable(value: object) -> Found:
    match value:
        case {"message": str(message), "messageEncoding": "iso-8859-1" | "utf-8" as encoding}:
            try:
                message.encode(encoding)
            except UnicodeEncodeError:
                return (Fault("/message", "message_unencodable", f"Cannot be read as {encoding}."),)
    return ()


_ANY_CODES = array(_code(_IOS_9_BARCODES | _IOS_27_BARCODES))


def _codes(value: object) -> Found:
    if found := _ANY_CODES(value):
        return found
    if isinstance(value, list) and any(code["format"] in _IOS_9_BARCODES for code in value):
        return ()
    detail = "Must hold a format that phones before iOS 27 draw, for example QR, as the last one."
    return (Fault("", "barcode_undrawable", detail),)


# --- the other keys -------------------------------------------------------------------------------

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_COLOUR = pattern(
    rf"rgb\({_OCTET}, ?{_OCTET}, ?{_OCTET}\)",
    "colour_invalid",
    "Must be written rgb(r, g, b), each from 0 to 255.",
)
_PLACE = table(
    {
        "latitude": shapes.within(-90, 90),
        "longitude": shapes.within(-180, 180),
        "altitude": shapes.within(-1000, 10_000),  # metres
        "relevantText": shapes.words,
    },
    ("latitude", "longitude"),
)
_BEACON = table(
    {
        "proximityUUID": pattern(
            "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
            "uuid_invalid",
            "Must be a UUID.",
        ),
        "major": shapes.whole(0, 65_535),
        "minor": shapes.whole(0, 65_535),
        "relevantText": shapes.words,
    },
    ("proximityUUID",),
)
_LINK = pattern(
    r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", "url_invalid", "Must be a URL with its scheme, in ASCII."
)
_ACTION_KEYS = table(
    {
        "identifier": shapes.words,
        "type": shapes.words,
        "url": _LINK,
        "placeIdentifier": shapes.words,
    },
    ("identifier", "type"),
)


def _action(value: object) -> Found:
    if not isinstance(value, dict):
        return _ACTION_KEYS(value)
    target = "placeIdentifier" if value.get("type") == "place" else "url"
    lost = Fault(f"/{target}", "key_missing", "Actions of this type need it.")
    return (*_ACTION_KEYS(value), *(() if target in value else (lost,)))


@lru_cache(maxsize=16)  # a service has one
def _reachable(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    host = parts.hostname or ""
    safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    return safe and host != "" and parts.path.rstrip("/").rpartition("/")[2] != "v1"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# What Wallet reads, by the iOS that first did. Each autumn adds a row.
_KEYS: dict[int, dict[str, Rule]] = {
    6: {
        "formatVersion": must(lambda value: value == 1, "version_invalid", "Must be 1."),
        "passTypeIdentifier": pattern(
            r"pass\.[A-Za-z0-9.-]+", "identifier_invalid", "Must start with pass."
        ),
        "teamIdentifier": pattern(
            "[A-Z0-9]{10}", "identifier_invalid", "Must be ten capital letters and digits."
        ),
        "serialNumber": shapes.words,
        "organizationName": shapes.words,
        "description": shapes.words,
        "storeCard": _store_card,
        "barcode": _code(LEGACY_BARCODES),
        "logoText": shapes.text,
        "backgroundColor": _COLOUR,
        "foregroundColor": _COLOUR,
        "labelColor": _COLOUR,
        "locations": array(_PLACE, 10),  # Pass.locations
        "webServiceURL": must(
            lambda value: isinstance(value, str) and _reachable(value),
            "web_service_invalid",
            "Must be an https URL without /v1; http is for loopback only.",
        ),
        "authenticationToken": must(
            lambda value: shapes.is_text(value) and len(str(value)) >= 32,  # noqa: PLR2004
            "token_short",
            "Must be text of at least 32 characters.",  # Apple asks for 16
        ),
        "associatedStoreIdentifiers": array(shapes.whole(1, 2**53)),
        "appLaunchURL": _LINK,
    },
    7: {
        "beacons": array(_BEACON, 10),
        "maxDistance": shapes.within(1, 1_000_000),  # metres; enlarging has no effect
        "expirationDate": shapes.moment,
        "voided": shapes.flag,
        "userInfo": shapes.free_json,
    },
    9: {"barcodes": _codes},
    11: {"sharingProhibited": shapes.flag},
    12: {"semantics": shapes.free_json},
    27: {
        "featuredActions": array(_action, 2),
        "posterGeneric": table(
            {
                "headerFields": array(_FRONT_FIELD, 1),
                "primaryFields": array(_FRONT_FIELD, 4),
                "footerFields": array(_FRONT_FIELD, 1),
                "backFields": array(_BACK_FIELD),
            }
        ),
    },
}
_REFUSED: dict[str, Rule] = {
    "relevantDate": shapes.refused("A day after its date the card would count as expired."),
    "relevantDates": shapes.refused("A day after its date the card would count as expired."),
    "nfc": shapes.refused("Phones refuse it without a certificate that Apple entitled to NFC."),
    "suppressStripShine": shapes.refused("It has had no effect since iOS 7."),
    "groupingIdentifier": shapes.refused("Only event tickets and boarding passes are grouped."),
}
_OVERRIDABLE = frozenset(
    {
        "appLaunchURL",
        "associatedStoreIdentifiers",
        "beacons",
        "expirationDate",
        "featuredActions",
        "logoText",
        "maxDistance",
        "semantics",
        "sharingProhibited",
        "userInfo",
    }
)
_KNOWN = {key: rule for keys in _KEYS.values() for key, rule in keys.items()}
_RESERVED = _KNOWN.keys() - _OVERRIDABLE
_DOCUMENT = table(
    _KNOWN | _REFUSED,
    (
        *("formatVersion", "passTypeIdentifier", "teamIdentifier", "serialNumber"),
        *("organizationName", "description", "storeCard"),
        *("authenticationToken", "webServiceURL", "barcodes"),  # not Apple's demand but ours
    ),
)
_OVERRIDES = table(_KNOWN | _REFUSED)

# A key, and the one it is void without.
_PARTNERS = {"appLaunchURL": "associatedStoreIdentifiers"}


def _lonely(document: Mapping[str, object]) -> Found:
    return tuple(
        Fault(f"/{key}", "key_lonely", f"Has no effect without {partner}.")
        for key, partner in _PARTNERS.items()
        if key in document and partner not in document
    )


# --- pictures -------------------------------------------------------------------------------------


def _picture_faults(pieces: Sequence[Piece]) -> Iterator[Fault]:
    """Pointers are file names. Wallet refuses a pass without icon; the other sizes get cut."""
    names = [piece.name for piece in pieces]
    if "icon.png" not in names:
        yield Fault("/icon.png", "picture_missing", "Every pass needs its icon.")
    if len(set(names)) < len(names):
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        yield from (Fault(f"/{name}", "picture_repeated", "Stands there twice.") for name in twice)
    for piece in pieces:
        if (piece.width, piece.height) != _EXACT.get(piece.name) and not _fits(piece):
            yield Fault(f"/{piece.name}", "picture_invalid", _PICTURES)


def _fits(piece: Piece) -> bool:
    width, height = _AT_MOST.get(piece.name, (0, 0))
    return 0 < piece.width <= width and 0 < piece.height <= height


_EXACT = {
    f"{name}{suffix}.png": (width * scale, height * scale)
    for name, (width, height) in {"icon": (ICON_PT, ICON_PT), "strip": STRIP_PT}.items()
    for suffix, scale in SCALES.items()
}
_AT_MOST = {
    f"logo{suffix}.png": (LOGO_PT[0] * scale, LOGO_PT[1] * scale)
    for suffix, scale in SCALES.items()
}
_PICTURES = "A store card carries icon (38×38 pt), logo (at most 160×50) and strip (375×144) only."
