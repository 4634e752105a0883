"""The rules of a store card, as a phone applies them to pass.json and the pictures beside it.

Written from Apple's pages (Wallet Passes: Pass, PassFields, PassFieldContent, Pass.Barcodes; Human
Interface Guidelines: Wallet), apart from the service's own checks. Fatal is what keeps a phone from
adding the pass; the rest it ignores or cuts.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from webhooks.simulators.findings import Finding, blemish
from webhooks.simulators.places import place_findings

AREAS = ("headerFields", "primaryFields", "secondaryFields", "auxiliaryFields", "backFields")
STYLES = ("boardingPass", "coupon", "eventTicket", "generic", "storeCard")

_COLOUR = re.compile(r"rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)")
_CLASSIC = {f"PKBarcodeFormat{one}" for one in ("QR", "PDF417", "Aztec", "Code128")}
_SINCE_27 = {f"PKBarcodeFormat{one}" for one in ("EAN13", "Code39", "Codabar", "I2of5")}
_MIN_TOKEN = 16
_MAX_HEADER = 3
_MAX_ROW = 4
_PNG = b"\x89PNG\r\n\x1a\n"
_MAX_PT = {"icon": (38, 38), "logo": (160, 50), "strip": (375, 144)}
_PICTURE = re.compile(r"(?:.*/)?(?P<kind>[a-z]+)(?:@(?P<scale>[23])x)?\.png")

Document = Mapping[str, object]


def rule_findings(document: Document, files: Mapping[str, bytes]) -> list[Finding]:
    """All that is wrong with a pass.json and the pictures of its package."""
    return [
        *_identity(document),
        *_style(document),
        *_codes(document),
        *place_findings(document),
        *_colours(document),
        *_service(document),
        *_times(document),
        *_pictures(files),
    ]


def fields_of(document: Document, area: str) -> list[Mapping[str, object]]:
    """The well-formed fields of one area of the pass's style."""
    style = _style_name(document)
    card = document.get(style) if style else None
    fields = card.get(area) if isinstance(card, dict) else None
    return [one for one in fields if isinstance(one, dict)] if isinstance(fields, list) else []


def _style_name(document: Document) -> str | None:
    return next((one for one in STYLES if one in document), None)


def _identity(document: Document) -> Iterator[Finding]:
    if document.get("formatVersion") != 1:
        yield Finding("format_version_wrong", "formatVersion", "It must be the number 1.")
    texts = ("passTypeIdentifier", "teamIdentifier", "serialNumber", "organizationName")
    for key in (*texts, "description"):
        if not _is_text(document.get(key)):
            yield Finding("key_missing", key, "Every pass needs it, as text that is not empty.")
    for key in ("voided", "sharingProhibited"):
        if not isinstance(document.get(key, False), bool):
            yield blemish("not_a_boolean", key, "It must be true or false.")


def _style(document: Document) -> Iterator[Finding]:
    styles = [one for one in STYLES if one in document]
    if len(styles) != 1:
        named = ", ".join(styles) or "none"
        yield Finding("style_not_one", "pass.json", f"It needs one style and has: {named}.")
        return
    if not isinstance(document[styles[0]], dict):
        yield Finding("style_invalid", styles[0], "It must be an object with fields.")
        return
    if styles[0] not in {"storeCard", "coupon"}:
        yield blemish("style_unusual", styles[0], "A loyalty card is a storeCard.")
    yield from _field_counts(document)
    yield from _fields(document)


def _field_counts(document: Document) -> Iterator[Finding]:
    count = {area: len(fields_of(document, area)) for area in AREAS}
    if count["headerFields"] > _MAX_HEADER:
        yield blemish("too_many_fields", "headerFields", "At most three are shown.")
    if count["primaryFields"] > 1:
        yield blemish("too_many_fields", "primaryFields", "Only one is shown.")
    if count["secondaryFields"] + count["auxiliaryFields"] > _MAX_ROW:
        detail = "Secondary and auxiliary fields share one row of four."
        yield blemish("too_many_fields", "auxiliaryFields", detail)


def _fields(document: Document) -> Iterator[Finding]:
    fields = [one for area in AREAS for one in fields_of(document, area)]
    keys = Counter(str(one.get("key")) for one in fields)
    for key in (key for key, times in keys.items() if times > 1):
        yield Finding("field_key_repeated", key, "Each field of a pass has a key of its own.")
    for field in fields:
        yield from _field(field)
    speaking = [str(one.get("key")) for one in fields if "changeMessage" in one]
    if len(speaking) > 1:
        detail = "When two of them change at once, one general sentence replaces their messages."
        yield blemish("several_change_messages", ", ".join(speaking), detail)


def _field(field: Mapping[str, object]) -> Iterator[Finding]:
    key, value = field.get("key"), field.get("value")
    if not _is_text(key):
        yield Finding("field_key_missing", repr(key), "Every field needs a key.")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        yield Finding("field_value_missing", str(key), "A value is text, a number or a date.")
    message = field.get("changeMessage", "%@")
    if not isinstance(message, str) or "%@" not in message:
        detail = "Without %@ the lock screen only says that the card changed."
        yield blemish("change_message_empty", str(key), detail)


def _codes(document: Document) -> Iterator[Finding]:
    codes = document.get("barcodes", [])
    if not isinstance(codes, list):
        yield Finding("barcodes_invalid", "barcodes", "It must be a list.")
        return
    for place, code in enumerate(codes):
        yield from _code(code, f"barcodes/{place}")
    formats = {one.get("format") for one in codes if isinstance(one, dict)}
    if codes and not formats & _CLASSIC:
        detail = "Phones before iOS 27 draw none of these; add QR as the last one."
        yield blemish("barcode_undrawable", "barcodes", detail)


def _code(code: object, where: str) -> Iterator[Finding]:
    if not isinstance(code, dict) or not _is_text(code.get("message")):
        yield Finding("barcode_invalid", where, "A barcode needs a message.")
        return
    if code.get("format") not in _CLASSIC | _SINCE_27:
        yield Finding("barcode_format_unknown", where, f"{code.get('format')!r} is no format.")
    encoding = str(code.get("messageEncoding", "iso-8859-1"))
    try:
        str(code["message"]).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        yield Finding("barcode_unencodable", where, f"Its message cannot be written in {encoding}.")


def _colours(document: Document) -> Iterator[Finding]:
    for key in ("backgroundColor", "foregroundColor", "labelColor"):
        match = _COLOUR.fullmatch(str(document.get(key, "rgb(0, 0, 0)")))
        if not match or any(int(channel) > 255 for channel in match.groups()):  # noqa: PLR2004
            yield blemish("colour_invalid", key, "Colours are written rgb(r, g, b), 0 to 255.")


def _service(document: Document) -> Iterator[Finding]:
    url, token = document.get("webServiceURL"), document.get("authenticationToken")
    if url is None and token is None:
        yield blemish("never_updated", "webServiceURL", "Without it the pass never changes.")
        return
    if not isinstance(token, str) or len(token) < _MIN_TOKEN:
        detail = "It must be at least 16 characters beside a webServiceURL."
        yield Finding("token_short", "authenticationToken", detail)
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        yield Finding("web_service_insecure", "webServiceURL", "Phones call https addresses only.")
    if parts.path.rstrip("/").endswith("/v1"):
        detail = "Phones add /v1 themselves; leave it out."
        yield Finding("web_service_versioned", "webServiceURL", detail)


def _times(document: Document) -> Iterator[Finding]:
    expires = document.get("expirationDate", "2000-01-01T00:00Z")
    if not isinstance(expires, str) or not _MOMENT.fullmatch(expires):
        detail = "Dates are written 2026-05-07T10:30-05:00, without parts of a second."
        yield Finding("date_invalid", "expirationDate", detail)
    for key in ("relevantDate", "relevantDates"):
        if key in document:
            yield blemish("card_expires_early", key, "A day after it the card counts as expired.")


def _pictures(files: Mapping[str, bytes]) -> Iterator[Finding]:
    if not {"icon.png", "icon@2x.png", "icon@3x.png"} & files.keys():
        yield Finding("icon_missing", "icon.png", "Phones refuse a pass without icon in silence.")
    for name, content in files.items():
        match = _PICTURE.fullmatch(name)
        if not match:
            continue
        if not content.startswith(_PNG) or len(content) < 24:  # noqa: PLR2004
            yield Finding("picture_unreadable", name, "It is no PNG.")
        elif match["kind"] in _MAX_PT:
            yield from _picture_size(name, content, match["kind"], int(match["scale"] or 1))


def _picture_size(name: str, content: bytes, kind: str, scale: int) -> Iterator[Finding]:
    size = (int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big"))
    most = (_MAX_PT[kind][0] * scale, _MAX_PT[kind][1] * scale)
    if size[0] > most[0] or size[1] > most[1]:
        detail = f"It has {size[0]}×{size[1]} pixels; more than {most[0]}×{most[1]} is cut."
        yield blemish("picture_too_large", name, detail)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
