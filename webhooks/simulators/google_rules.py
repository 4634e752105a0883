"""Rules of Google Wallet that its schema does not know: limits, ids, pictures, dates. Pure.

Each is told by Google's reference of the resource named in the table; what a rule of ours is
stricter in stands beside it. Not for: what depends on other resources (see google_registry).
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from webhooks.simulators.findings import Finding
from webhooks.simulators.google_kinds import Node, nodes

RESOURCE_ID = re.compile(r"[0-9]{1,20}\.[A-Za-z0-9._-]+")

_COLOUR = re.compile(r"#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})")
_LOOPBACK = r"http://(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?"
# Google's servers must reach it; on this machine plain HTTP is let through.
_FETCHABLE = re.compile(rf"(https://[^\s/]+|{_LOOPBACK})(/\S*)?")
_WITH_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_EMAIL_HASH = re.compile(r"[0-9a-f]{64}")
_ROW_ITEMS = ("oneItem", "twoItems", "threeItems")
_BALANCES = ("string", "int", "double", "money")

_LIMITS = {"merchantLocations": 10, "messages": 10, "valueAddedModuleData": 15}

Told = Iterator[tuple[str, str, str]]
"""Code, key within the node, what is wrong."""


def rule_findings(definition: str, document: Mapping[str, Any]) -> list[Finding]:
    """Everything in a whole class or object that Google refuses beyond its schema."""
    return [
        Finding(code, f"{node.pointer}.{key}".strip(".") or ".", detail)
        for node in nodes(definition, document)
        for rule in _rules_of(node)
        for code, key, detail in rule(node.value)
    ]


def _rules_of(node: Node) -> tuple[Callable[[Mapping[str, Any]], Told], ...]:
    if node.definition.endswith(("Class", "Object")):
        return (_resource,)
    return _RULES.get(node.definition, ())


def _resource(value: Mapping[str, Any]) -> Told:
    for key in ("id", "classId"):
        if key in value and not RESOURCE_ID.fullmatch(str(value[key])):
            detail = f"Invalid resource ID: {value[key]}. It is issuerId.identifier."
            yield "id_invalid", key, detail
    for key, most in _LIMITS.items():
        if len(value.get(key, ())) > most:
            yield "too_many", key, f"At most {most}."
    colour = value.get("hexBackgroundColor")
    if colour is not None and not _COLOUR.fullmatch(colour):
        yield "colour_invalid", "hexBackgroundColor", "A colour is #rrggbb or #rgb."


def _image(value: Mapping[str, Any]) -> Told:
    if ("sourceUri" in value) == ("privateImageId" in value):
        yield "not_exactly_one", "", "Exactly one of sourceUri and privateImageId."


def _image_uri(value: Mapping[str, Any]) -> Told:
    if not _FETCHABLE.fullmatch(str(value.get("uri", ""))):
        yield "image_not_public", "uri", "Google's servers fetch it: an https URL."


def _uri(value: Mapping[str, Any]) -> Told:
    if not _WITH_SCHEME.fullmatch(str(value.get("uri", ""))):
        yield "uri_without_scheme", "uri", "A URI with its scheme."


def _balance(value: Mapping[str, Any]) -> Told:
    if sum(key in value for key in _BALANCES) != 1:
        yield "not_exactly_one", "", f"Exactly one of {', '.join(_BALANCES)}."


def _rows(value: Mapping[str, Any]) -> Told:
    if len(value.get("cardRowTemplateInfos", ())) > 3:  # noqa: PLR2004
        yield "too_many", "cardRowTemplateInfos", "At most 3 rows."


def _row(value: Mapping[str, Any]) -> Told:
    if sum(key in value for key in _ROW_ITEMS) != 1:
        yield "not_exactly_one", "", f"Exactly one of {', '.join(_ROW_ITEMS)}."


def _place(value: Mapping[str, Any]) -> Told:
    for key, most in (("latitude", 90), ("longitude", 180)):
        number = value.get(key)
        if number is None or not math.isfinite(number) or abs(number) > most:
            yield "out_of_range", key, f"A number from -{most} to {most}."


def _interval(value: Mapping[str, Any]) -> Told:
    ends = [_moment(value.get(key)) for key in ("start", "end") if key in value]
    if None in ends:
        yield "date_invalid", "", "Dates are ISO 8601, for example 2027-01-31T20:00:00Z."
    elif len({end.tzinfo is None for end in ends if end}) > 1:
        yield "offsets_differ", "", "An offset at both ends or at neither."


def _text_module(value: Mapping[str, Any]) -> Told:
    if "." in value.get("id", ""):
        yield "id_with_dot", "id", "No dots: card rows name it in a path."


def _value_added(value: Mapping[str, Any]) -> Told:
    for key in ("header", "uri"):
        if key not in value:
            yield "missing", key, "It is required."


def _callback(value: Mapping[str, Any]) -> Told:
    if not _FETCHABLE.fullmatch(str(value.get("url", ""))):
        yield "callback_not_https", "url", "An https URL."


def _restriction(value: Mapping[str, Any]) -> Told:
    if not _EMAIL_HASH.fullmatch(str(value.get("restrictToEmailSha256", ""))):
        yield "hash_invalid", "restrictToEmailSha256", "A SHA-256 in lower-case hexadecimal."


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value["date"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return None


_RULES: Mapping[str, tuple[Callable[[Mapping[str, Any]], Told], ...]] = {
    "CallbackOptions": (_callback,),
    "CardRowTemplateInfo": (_row,),
    "CardTemplateOverride": (_rows,),
    "Image": (_image,),
    "ImageUri": (_image_uri,),
    "LoyaltyPointsBalance": (_balance,),
    "MerchantLocation": (_place,),
    "SaveRestrictions": (_restriction,),
    "TextModuleData": (_text_module,),
    "TimeInterval": (_interval,),
    "Uri": (_uri,),
    "ValueAddedModuleData": (_value_added,),
}
