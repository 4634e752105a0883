"""Whether Google Wallet would accept a loyalty class or object, told before it is sent.

Not for: building the documents (google), texts that Google merely cuts when it shows them (lint).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from jsonschema import ValidationError

from passes.errors import pointer
from passes.wallets.faults import Fault
from passes.wallets.google_schema import fields_of, validator

Kind = Literal["LoyaltyClass", "LoyaltyObject", "LoyaltyClass.patch", "LoyaltyObject.patch"]
Part = Literal["class", "object"]

# A template's overrides may not touch what identifies a pass, what the service counts and what a
# leaked link would need.
PROTECTED: Mapping[Part, frozenset[str]] = {
    "class": frozenset(
        {
            "callbackOptions",
            "heroImage",
            "id",
            "issuerName",
            "multipleDevicesAndHoldersAllowedStatus",
            "notifyPreference",
            "programLogo",
            "programName",
            "review",
            "reviewStatus",
        }
    ),
    "object": frozenset(
        {
            "accountId",
            "accountName",
            "barcode",
            "classId",
            "classReference",
            "hasLinkedDevice",
            "hasUsers",
            "heroImage",
            "id",
            "linkedObjectIds",
            "loyaltyPoints",
            "notifyPreference",
            "rotatingBarcode",
            "smartTapRedemptionValue",
            "state",
            "textModulesData",
        }
    ),
}

_CODES = {
    "additionalProperties": "unknown_key",
    "anyOf": "wrong_type",
    "deprecated": "deprecated",
    "enum": "unknown_value",
    "format": "malformed",
    "maxItems": "too_many",
    "maxProperties": "not_exactly_one",
    "maximum": "out_of_range",
    "minProperties": "not_exactly_one",
    "minimum": "out_of_range",
    "oneOf": "not_exactly_one",
    "pattern": "malformed",
    "readOnly": "read_only",
    "required": "missing",
    "type": "wrong_type",
    "x-discovery-legacy-enum": "unknown_value",
    "x-same-offset": "offsets_differ",
}
_SENTENCES = {
    "anyOf": "is an integer, or one written as text",
    "deprecated": "is deprecated by Google: leave it out",
    "enum": "is one of {}",
    "maxItems": "has at most {} entries",
    "maximum": "is at most {}",
    "minimum": "is at least {}",
    "readOnly": "is set by Google: leave it out",
    "type": "is of the type {}",
    "x-discovery-legacy-enum": "is written in capitals, not as one of the old names {}",
}


def faults(kind: Kind, body: Mapping[str, Any], *place: str) -> tuple[Fault, ...]:
    """Everything Google would refuse (or we never send) in a class or object; () is good.

    A patch may leave out what a whole document needs. Pointers begin at `place`. A few milliseconds
    per document; the first call of a process also compiles the schema.
    """
    errors = validator(kind).iter_errors(body)
    found = (fault for error in errors for fault in _explained(error, place))
    return tuple(sorted(dict.fromkeys(found), key=lambda fault: fault.pointer))


def check_overrides(overrides: Mapping[str, object]) -> tuple[Fault, ...]:
    """Faults of a template's `google_overrides`: `{"class": {…}, "object": {…}}`, both optional.

    Pointers start at the overrides. What the service itself must say (`PROTECTED`) is a fault.
    """
    found: list[Fault] = []
    for part, body in overrides.items():
        match part:
            case "class":
                found += _part_faults("class", "LoyaltyClass.patch", body)
            case "object":
                found += _part_faults("object", "LoyaltyObject.patch", body)
            case _:
                sentence = f"{part} is not known: the parts are class and object."
                found.append(Fault(pointer(part), "unknown_key", sentence))
    return tuple(found)


def with_nulls(part: Part, body: Mapping[str, object]) -> dict[str, object]:
    """The body, in which null stands for all that overrides might have set before and it lacks.

    A PATCH clears what is null and keeps what is absent, inside of objects too; it replaces arrays.
    """
    fields = fields_of(f"Loyalty{part.capitalize()}")
    open_to_overrides = {
        name: inside for name, inside in fields.items() if name not in PROTECTED[part]
    }
    return dict(body) | _filled(open_to_overrides, body)


def _filled(fields: Mapping[str, str | None], body: Mapping[str, object]) -> dict[str, object]:
    return {name: _whole(definition, body.get(name)) for name, definition in fields.items()}


def _whole(definition: str | None, value: object) -> object:
    if definition is None or not isinstance(value, Mapping):
        return value
    return dict(value) | _filled(fields_of(definition), value)


def _part_faults(part: Part, kind: Kind, body: object) -> list[Fault]:
    if not isinstance(body, Mapping):
        return [Fault(pointer(part), "wrong_type", f"{part} is of the type object.")]
    forbidden = [key for key in body if key in PROTECTED[part]]
    rest = {key: value for key, value in body.items() if key not in PROTECTED[part]}
    return [
        *(
            Fault(pointer(part, key), "protected", f"{key} is set by the service: leave it out.")
            for key in forbidden
        ),
        *faults(kind, rest, part),
    ]


def _explained(error: ValidationError, prefix: tuple[str, ...]) -> Iterator[Fault]:
    """The validator's error in our words, which never repeat a value of the document."""
    keyword, code = str(error.validator), _CODES[str(error.validator)]
    place = [*prefix, *error.absolute_path]
    schema: Any = error.schema
    instance: Any = error.instance
    match keyword:
        case "additionalProperties":
            for key in instance.keys() - schema["properties"].keys():
                yield Fault(pointer(*place, key), code, f"Google knows no {key} here.")
        case "required":
            for key in schema["required"]:
                if key not in instance:
                    yield Fault(pointer(*place, key), code, f"{key} is missing.")
        case _:
            name = next((step for step in reversed(place) if isinstance(step, str)), "The document")
            rule = schema.get("x-rule") or _generic_rule(keyword, schema[keyword])
            yield Fault(pointer(*place), code, f"{name} {rule}.")


def _generic_rule(keyword: str, value: object) -> str:
    listed = ", ".join(map(str, value)) if isinstance(value, list) else value
    return _SENTENCES[keyword].format(listed)
