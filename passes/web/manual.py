"""The API's manual: an OpenAPI document in the order and the words a person reads it in."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

Schema = Mapping[str, Any]  # a JSON Schema of the document

_CODE = re.compile(r"`([^`]+)`")
_REFERENCE = re.compile(r"\[(\w+)\]\(#/components/schemas/(\w+)\)")
_PARAMETER = re.compile(r"\{(\w+)\}")
_MAX_DEPTH = 5
_FIRST_FAILURE = "300"
_LIMITS = (
    ("minLength", "maxLength", "characters"),
    ("minimum", "maximum", ""),
    ("minItems", "maxItems", "items"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A field or a parameter; `depth` counts the objects around it, `notes` its limits."""

    name: str
    depth: int
    kind: str
    required: bool
    notes: tuple[str, ...]
    about: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back with a status: fields, or bytes of a media type, or nothing."""

    status: str
    about: str
    media_type: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    anchor: str
    method: str
    path: str
    summary: str
    about: str
    parameters: tuple[Row, ...]
    body_type: str
    body: tuple[Row, ...]
    answers: tuple[Answer, ...]
    problems: tuple[Answer, ...]
    example: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """The operations that share a tag."""

    tag: str
    operations: tuple[Operation, ...]


def chapters(document: Mapping[str, Any]) -> list[Chapter]:
    """The chapters of an OpenAPI 3.1 document, in its own order."""
    reader = _Reader(document)
    by_tag: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            operation = reader.operation(method.upper(), path, described)
            by_tag.setdefault(described["tags"][0], []).append(operation)
    return [Chapter(tag, tuple(operations)) for tag, operations in by_tag.items()]


def prose(text: str) -> Markup:
    """A description as HTML: paragraphs, `code`, and the names of schemas."""
    html = _REFERENCE.sub(r"<code>\1</code>", _CODE.sub(r"<code>\1</code>", str(escape(text))))
    paragraphs = [part.strip() for part in html.split("\n\n") if part.strip()]
    return Markup("".join(f"<p>{part}</p>" for part in paragraphs))  # noqa: S704  # escaped above


class _Reader:
    """Reads one document; knows where its references lead."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._schemas: Mapping[str, Schema] = document["components"]["schemas"]
        self._server: str = document["servers"][0]["url"]

    def operation(self, method: str, path: str, described: Mapping[str, Any]) -> Operation:
        body_type, schema = self._body(described)
        answers = [self._answer(status, a) for status, a in described["responses"].items()]
        return Operation(
            anchor=described["operationId"],
            method=method,
            path=path,
            summary=described["summary"],
            about=described.get("description", ""),
            parameters=tuple(self._parameter(p) for p in described.get("parameters", ())),
            body_type=body_type,
            body=tuple(self._rows(schema, partial=method == "PATCH")) if schema else (),
            answers=tuple(a for a in answers if a.status < _FIRST_FAILURE),
            problems=tuple(a for a in answers if a.status >= _FIRST_FAILURE),
            example=self._curl(method, path, described, body_type, schema),
        )

    def _body(self, described: Mapping[str, Any]) -> tuple[str, Schema | None]:
        """Media type and schema; a merge patch names in its text the schema it is laid over."""
        for media_type, content in described.get("requestBody", {}).get("content", {}).items():
            schema = self._resolved(content["schema"])
            named = _REFERENCE.search(schema.get("description", ""))
            return media_type, self._schemas[named[2]] if named else schema
        return "", None

    def _answer(self, status: str, described: Mapping[str, Any]) -> Answer:
        for media_type, content in described.get("content", {}).items():
            rows = tuple(self._rows(content["schema"]))
            return Answer(status, described["description"], media_type, rows)
        return Answer(status, described["description"], "", ())

    def _parameter(self, described: Mapping[str, Any]) -> Row:
        schema = described["schema"]
        return Row(
            name=described["name"],
            depth=0,
            kind=f"{self._kind(schema)} in {described['in']}",
            required=described.get("required", False),
            notes=tuple(self._notes(schema)),
            about=described.get("description", ""),
        )

    def _rows(
        self, schema: Schema, prefix: str = "", depth: int = 0, *, partial: bool = False
    ) -> Iterator[Row]:
        """The fields of an object and of the objects in it; `partial` asks for none of them."""
        schema = self._resolved(schema)
        required = () if partial else schema.get("required", ())
        for name, field in schema.get("properties", {}).items():
            yield Row(
                name=prefix + name,
                depth=depth,
                kind=self._kind(field),
                required=name in required,
                notes=tuple(self._notes(field)),
                about=field.get("description", ""),
            )
            inner, suffix = self._inside(field)
            if depth < _MAX_DEPTH and inner.get("properties"):
                yield from self._rows(inner, f"{prefix}{name}{suffix}.", depth + 1, partial=partial)

    def _inside(self, field: Schema) -> tuple[Schema, str]:
        """The object a field holds, or an array of them."""
        field = self._chosen(field)
        if field.get("type") == "array":
            return self._chosen(field.get("items", {})), "[]"
        return field, ""

    def _chosen(self, schema: Schema) -> Schema:
        """Behind references and `or null`."""
        schema = self._resolved(schema)
        for choice in schema.get("anyOf", ()):
            if choice.get("type") != "null":
                return self._resolved(choice)
        return schema

    def _resolved(self, schema: Schema) -> Schema:
        name = schema.get("$ref", "").rpartition("/")[2]
        return self._schemas[name] if name else schema

    def _kind(self, schema: Schema) -> str:
        schema = self._resolved(schema)
        if "anyOf" in schema:
            return " or ".join(dict.fromkeys(self._kind(choice) for choice in schema["anyOf"]))
        if "const" in schema:
            return f"“{schema['const']}”"
        if "enum" in schema:
            return "one of " + ", ".join(f"“{value}”" for value in schema["enum"])
        if schema.get("type") == "array":
            return f"array of {self._kind(schema.get('items', {}))}"
        return str(schema.get("format") or schema.get("type", "any value"))

    def _notes(self, schema: Schema) -> Iterator[str]:
        chosen = self._chosen(schema)
        for low, high, unit in _LIMITS:
            yield from _range(chosen.get(low), chosen.get(high), unit)
        if "pattern" in chosen:
            yield f"matches {chosen['pattern']}"
        if schema.get("default") not in (None, "", [], {}) and "const" not in chosen:
            yield f"default {json.dumps(schema['default'])}"

    def _curl(
        self,
        method: str,
        path: str,
        described: Mapping[str, Any],
        body_type: str,
        schema: Schema | None,
    ) -> str:
        address = self._server + _PARAMETER.sub(lambda name: name[1].upper(), path)
        lines = [f"curl {f'-X {method} ' if method != 'GET' else ''}{address}"]
        lines.append('-H "Authorization: Bearer $KEY"')
        lines += [
            f'-H "{p["name"]}: …"'
            for p in described.get("parameters", ())
            if p["in"] == "header" and p.get("required")
        ]
        if schema and body_type == "multipart/form-data":
            lines += [self._form_field(name, f) for name, f in schema["properties"].items()]
        elif schema:
            body = json.dumps(self._example(schema), ensure_ascii=False)
            lines += [f'-H "Content-Type: {body_type}"', f"-d '{body}'"]
        return " \\\n  ".join(lines)

    def _form_field(self, name: str, field: Schema) -> str:
        is_file = self._chosen(field).get("format") == "binary"
        return f"-F {name}=@logo.png" if is_file else f"-F {name}={self._value(field)}"

    def _example(self, schema: Schema) -> dict[str, object]:
        """The required fields; where none is, the first."""
        properties = schema.get("properties", {})
        names = schema.get("required") or list(properties)[:1]
        return {name: self._value(properties[name]) for name in names}

    def _value(self, field: Schema) -> object:
        chosen = self._chosen(field)
        if "const" in chosen or "enum" in chosen:
            return chosen.get("const", next(iter(chosen.get("enum", ())), None))
        match chosen.get("type"):
            case "object":
                return self._example(chosen)
            case "array":
                return [self._value(chosen.get("items", {}))]
            case "integer" | "number":
                return max(10, chosen.get("minimum", 0))
            case "boolean":
                return True
        return "…"


def _range(low: int | None, high: int | None, unit: str) -> Iterator[str]:
    if not low and high is None:
        return
    if low and high is not None:
        text = f"{low}–{high}" if low != high else f"exactly {low}"
    else:
        text = f"at least {low}" if low else f"at most {high}"
    yield f"{text} {unit}".strip()
