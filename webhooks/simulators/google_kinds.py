"""Kinds of passes the local Google knows, and its published schema of them.

The schema is a copy of Google's discovery document as JSON Schema; the rules that Google tells only
in prose are in google_rules.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

from webhooks.simulators.findings import Finding

# Set by Google; what a client sends in them is ignored.
_READ_ONLY = frozenset(
    {"classReference", "hasLinkedDevice", "hasUsers", "kind", "review", "version"}
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One collection. `payload` is its name in a save JWT, `parent` the class of an object."""

    path: str
    definition: str
    payload: str
    parent: "Kind | None" = None


@dataclass(frozen=True, slots=True)
class Node:
    """One object within a document: where, of which definition, what it holds."""

    pointer: str
    definition: str
    value: Mapping[str, Any]


def _family(name: str) -> tuple[Kind, Kind]:
    capital = name.capitalize()
    parent = Kind(f"{name}Class", f"{capital}Class", f"{name}Classes")
    return parent, Kind(f"{name}Object", f"{capital}Object", f"{name}Objects", parent)


KINDS: Mapping[str, Kind] = {
    kind.path: kind for name in ("loyalty", "offer", "generic") for kind in _family(name)
}


def schema_findings(definition: str, document: object) -> list[Finding]:
    """What Google's schema has against a document; `LoyaltyObject.patch` has no required keys."""
    errors = sorted(_validator(definition).iter_errors(document), key=lambda one: one.json_path)
    return [
        Finding(f"schema_{one.validator}", one.json_path[1:] or ".", one.message[:300])
        for one in errors
    ]


def nodes(definition: str, value: Mapping[str, Any], pointer: str = "") -> Iterator[Node]:
    """The document and every object in it that has a definition."""
    yield Node(pointer, definition, value)
    for key, rule in _properties(definition).items():
        inner = value.get(key)
        if isinstance(inner, Mapping) and "$ref" in rule:
            yield from nodes(_target(rule), inner, f"{pointer}.{key}")
        elif isinstance(inner, list) and "$ref" in rule.get("items", {}):
            for place, item in enumerate(inner):
                if isinstance(item, Mapping):
                    yield from nodes(_target(rule["items"]), item, f"{pointer}.{key}[{place}]")


def canonical(definition: str, document: Mapping[str, Any]) -> Json:
    """The document as it is kept: enums in capitals, without what clients may not set."""
    kept = {key: value for key, value in document.items() if key not in _READ_ONLY}
    return _respelt(definition, kept, _capitals, kinds=False)


def legacy(definition: str, document: Mapping[str, Any]) -> Json:
    """The document as the live API answers: old lowerCamel enums, and `kind` wherever it can be."""
    return _respelt(definition, document, _old_name, kinds=True)


def _respelt(
    definition: str,
    document: Mapping[str, Any],
    spell: Callable[[Json, Any], Any],
    *,
    kinds: bool,
) -> Json:
    properties = _properties(definition)
    result: Json = {}
    for key, value in document.items():
        rule = properties.get(key, {})
        if key == "kind":
            continue
        if isinstance(value, Mapping) and "$ref" in rule:
            result[key] = _respelt(_target(rule), value, spell, kinds=kinds)
        elif isinstance(value, list):
            result[key] = [_item(rule.get("items", {}), one, spell, kinds) for one in value]
        else:
            result[key] = spell(rule, value)
    if kinds and "kind" in properties:
        name = definition.removesuffix(".patch")
        result = {"kind": f"walletobjects#{name[0].lower()}{name[1:]}"} | result
    return result


def _item(rule: Json, value: Any, spell: Callable[[Json, Any], Any], kinds: bool) -> Any:
    if isinstance(value, Mapping) and "$ref" in rule:
        return _respelt(_target(rule), value, spell, kinds=kinds)
    return spell(rule, value)


def _capitals(rule: Json, value: Any) -> Any:
    if value not in rule.get("x-discovery-legacy-enum", ()):
        return value
    return next((one for one in rule["enum"] if one.isupper() and _same(one, value)), value)


def _old_name(rule: Json, value: Any) -> Any:
    old = rule.get("x-discovery-legacy-enum", ())
    return next((one for one in old if isinstance(value, str) and _same(one, value)), value)


def _same(one: str, other: str) -> bool:
    return one.replace("_", "").lower() == other.replace("_", "").lower()


def _target(rule: Json) -> str:
    return str(rule["$ref"]).rpartition("/")[2]


def _properties(definition: str) -> Mapping[str, Json]:
    properties: Mapping[str, Json] = _schema()["$defs"][definition].get("properties", {})
    return properties


@cache
def _schema() -> Json:
    source = files("webhooks.simulators").joinpath("data", "google-walletobjects.schema.json")
    schema: Json = json.loads(source.read_text(encoding="utf-8"))
    return schema


@cache
def _validator(definition: str) -> Draft202012Validator:
    return Draft202012Validator(_schema() | {"$ref": f"#/$defs/{definition}"})
