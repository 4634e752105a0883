"""Google's schema for loyalty passes, tightened by what Google says only in prose.

Google's own schema (a mechanical translation of its discovery document) knows every field and
type but few limits. `_OWN_RULES` adds them in the same language, so that one validator finds all
faults with their place. Not for: what to tell people about a fault (google_rules).
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

# Google: issuer id, dot, identifier. The limit of 64 is ours: two ids must fit into a save link.
RESOURCE_ID = re.compile(r"^(?=.{1,64}\Z)[0-9]{1,20}\.[A-Za-z0-9._-]+\Z")
# Links module: "URIs must have a scheme"; these are the ones a phone can open.
TAPPABLE_URI = re.compile(r"^(https?|tel|mailto|geo):\S+\Z")

MAX_MERCHANT_LOCATIONS = 10  # per class and per object; Google refuses the excess
MAX_MESSAGES = 10  # per class and per object
MAX_VALUE_ADDED_MODULES = 15
MAX_CARD_ROWS = 3

_LOOPBACK = r"http://(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?"
_RESOURCE_ID = {
    "pattern": RESOURCE_ID.pattern,
    "x-rule": "is the numeric issuer id, a dot, and letters, digits, '.', '_' or '-':"
    " at most 64 characters",
}
_READ_ONLY = {"readOnly": True}
_ON_BOTH = {
    "merchantLocations": {"maxItems": MAX_MERCHANT_LOCATIONS},
    "messages": {"maxItems": MAX_MESSAGES},
    "valueAddedModuleData": {"maxItems": MAX_VALUE_ADDED_MODULES},
}
_EXACTLY_ONE = {"minProperties": 1, "maxProperties": 1}
_OWN_RULES: dict[str, Any] = {
    "LoyaltyClass": {
        "properties": {
            **_ON_BOTH,
            "id": _RESOURCE_ID,
            "reviewStatus": {
                "enum": ["DRAFT", "UNDER_REVIEW"],
                "x-discovery-legacy-enum": [],
                "x-rule": "is DRAFT or UNDER_REVIEW: the other states are Google's to give",
            },
            "hexBackgroundColor": {
                "pattern": r"^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})\Z",
                "x-rule": "is a colour written #rrggbb or #rgb",
            },
            "countryCode": {
                "pattern": r"^[A-Z]{2}\Z",
                "x-rule": "is an ISO 3166-1 code of two capital letters",
            },
            "review": _READ_ONLY,
        }
    },
    "LoyaltyObject": {
        "properties": {
            **_ON_BOTH,
            "id": _RESOURCE_ID,
            "classId": _RESOURCE_ID,
            "classReference": _READ_ONLY,
            "hasLinkedDevice": _READ_ONLY,
            "hasUsers": _READ_ONLY,
            "infoModuleData": {"deprecated": True},
            "linkedObjectIds": {"items": _RESOURCE_ID},
            "linkedOfferIds": {"items": _RESOURCE_ID},
        }
    },
    "CallbackOptions": {
        "properties": {"url": {"pattern": r"^https://[^\s/]\S*\Z", "x-rule": "is an https URL"}}
    },
    "CardTemplateOverride": {"properties": {"cardRowTemplateInfos": {"maxItems": MAX_CARD_ROWS}}},
    "CardRowTemplateInfo": _EXACTLY_ONE
    | {"x-rule": "is exactly one of oneItem, twoItems and threeItems"},
    "CardRowOneItem": {"required": ["item"]},
    "CardRowTwoItems": {"required": ["startItem", "endItem"]},
    "CardRowThreeItems": {"required": ["startItem", "middleItem", "endItem"]},
    "DateTime": {
        "required": ["date"],
        "properties": {
            "date": {
                "format": "wallet-date-time",
                "x-rule": "is an ISO 8601 date and time, for example 2027-01-31T20:00:00Z",
            }
        },
    },
    "FieldReference": {
        "properties": {
            "fieldPath": {
                "format": "wallet-field-path",
                "x-rule": "is a path that exists, for example object.loyaltyPoints.balance or"
                " object.textModulesData['reward'] (single quotes)",
            }
        }
    },
    "Image": {
        "oneOf": [{"required": ["sourceUri"]}, {"required": ["privateImageId"]}],
        "x-rule": "has exactly one of sourceUri and privateImageId",
    },
    "ImageUri": {
        "required": ["uri"],
        "properties": {
            "uri": {
                "pattern": rf"^(https://[^\s/]+|{_LOOPBACK})(/\S*)?\Z",
                "x-rule": "is an https URL that Google's servers can fetch",
            }
        },
    },
    "LinksModuleData": {
        "properties": {
            "uris": {
                "items": {
                    "properties": {
                        "uri": {
                            "pattern": TAPPABLE_URI.pattern,
                            "x-rule": "is an https, tel, mailto or geo URI without spaces",
                        }
                    }
                }
            }
        }
    },
    "LoyaltyPointsBalance": _EXACTLY_ONE
    | {"x-rule": "has exactly one of string, int, double and money"},
    "MerchantLocation": {
        "required": ["latitude", "longitude"],
        "properties": {
            "latitude": {"minimum": -90, "maximum": 90},
            "longitude": {"minimum": -180, "maximum": 180},
        },
    },
    "TextModuleData": {
        "properties": {
            "id": {
                "pattern": r"^[^\s.'\"]+\Z",
                "x-rule": "has no dots, quotes or spaces: card rows name it in a path",
            }
        }
    },
    "TimeInterval": {
        "x-same-offset": True,
        "x-rule": "has an offset at both ends or at neither",
    },
    "TranslatedString": {"required": ["language", "value"]},
    "Uri": {
        "required": ["uri"],
        "properties": {
            "uri": {
                "pattern": r"^[A-Za-z][A-Za-z0-9+.-]*:\S+\Z",
                "x-rule": "is a URI with its scheme, without spaces",
            }
        },
    },
    "ValueAddedModuleData": {"required": ["header", "uri"]},
}

_FIELD_PATH = re.compile(r"(object|class)((?:\.[A-Za-z]+|\['[^'.]+'\])+)\Z")
_FIELD_PATH_STEP = re.compile(r"\.([A-Za-z]+)|\['[^'.]+'\]")


def merged(document: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """The document with the changes on top: objects are merged, anything else is replaced."""
    result = dict(document)
    for key, change in changes.items():
        present = result.get(key)
        if isinstance(present, Mapping) and isinstance(change, Mapping):
            result[key] = merged(present, change)
        else:
            result[key] = change
    return result


@cache
def validator(definition: str) -> Validator:
    """The tightened schema's check of one definition, for example `LoyaltyObject.patch`."""
    schema = _tightened_schema()
    return _Validator(schema | {"$ref": f"#/$defs/{definition}"}, format_checker=_FORMATS)


@cache
def fields_of(definition: str) -> Mapping[str, str | None]:
    """What a definition may hold and we may say; with the definition of what is itself an object.

    Without what is deprecated or read-only.
    """
    properties: Mapping[str, Mapping[str, Any]] = _tightened_schema()["$defs"][definition].get(
        "properties", {}
    )
    return {
        name: rule["$ref"].rpartition("/")[2] if "$ref" in rule else None
        for name, rule in properties.items()
        if not (rule.get("deprecated") or rule.get("readOnly"))
    }


@cache
def _tightened_schema() -> dict[str, Any]:
    source = files("passes.wallets").joinpath("data", "google-walletobjects.schema.json")
    schema: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    patches = {f"{kind}.patch": _OWN_RULES[kind] for kind in ("LoyaltyClass", "LoyaltyObject")}
    return merged(schema, {"$defs": _OWN_RULES | patches})


def _is_number(_checker: object, value: object) -> bool:
    """JSON knows neither infinity nor NaN, and NaN would pass every limit."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _marked(
    _validator: Validator, mark: bool, _instance: object, _schema: Mapping[str, object]
) -> Iterator[ValidationError]:
    """`deprecated` and `readOnly` are only notes in JSON Schema; here they forbid."""
    if mark:
        yield ValidationError("must be absent")


def _legacy_name(
    _validator: Validator, names: list[str], instance: object, _schema: Mapping[str, object]
) -> Iterator[ValidationError]:
    if instance in names:
        yield ValidationError("is a legacy alias")


def _same_offset(
    _validator: Validator, _mark: bool, instance: object, _schema: Mapping[str, object]
) -> Iterator[ValidationError]:
    ends = [_instant(instance, end) for end in ("start", "end")]
    if None not in ends and len({end.tzinfo is None for end in ends if end}) > 1:
        yield ValidationError("offset at one end only")


def _instant(interval: object, end: str) -> datetime | None:
    """The end of an interval if it is there and well-formed; its form is another rule's matter."""
    try:
        return datetime.fromisoformat(interval[end]["date"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return None


_Validator: type[Validator] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "deprecated": _marked,
        "readOnly": _marked,
        "x-discovery-legacy-enum": _legacy_name,
        "x-same-offset": _same_offset,
    },
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("number", _is_number),
)
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("wallet-date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or bool("T" in value and datetime.fromisoformat(value))


@_FORMATS.checks("wallet-field-path")
def _is_field_path(value: object) -> bool:
    """A path that does not resolve makes Google drop the whole row without a word."""
    if not isinstance(value, str):
        return True
    match = _FIELD_PATH.match(value)
    if not match:
        return False
    node: Any = {"$ref": f"#/$defs/Loyalty{match[1].capitalize()}"}
    for step in _FIELD_PATH_STEP.finditer(match[2]):
        node = _property(node, step[1]) if step[1] else node.get("items")
        if node is None:
            return False
    return True


def _property(node: Mapping[str, Any], name: str) -> Any:
    definition = _tightened_schema()["$defs"].get(node.get("$ref", "").rpartition("/")[2], {})
    return definition.get("properties", {}).get(name)
