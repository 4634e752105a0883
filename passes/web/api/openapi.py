"""The OpenAPI 3.1 document, made of the endpoints' declarations and pydantic's JSON Schemas."""

import inspect
import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from passes.errors import CODES
from passes.web.api.contract import MERCHANT_HEADER, Endpoint
from passes.web.problems import MEDIA_TYPE, ProblemDocument

Json = dict[str, Any]
Key = tuple[type[BaseModel], JsonSchemaMode]
Schemas = dict[tuple[str, JsonSchemaMode], Json]

_PARAMETER = re.compile(r"<(\w+)>")
_PROBLEMS = {
    HTTPStatus.BAD_REQUEST: "The body is not well-formed.",
    HTTPStatus.UNAUTHORIZED: "No key, an unknown or a revoked one.",
    HTTPStatus.FORBIDDEN: "The key lacks the scope.",
    HTTPStatus.NOT_FOUND: "Unknown, or another merchant's.",
    HTTPStatus.CONFLICT: "The present state forbids it.",
    HTTPStatus.PRECONDITION_FAILED: "If-Match names an older revision.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "Another content type is wanted.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Fields need correction; all faults at once.",
    HTTPStatus.SERVICE_UNAVAILABLE: "A certificate or account is not usable now.",
}


def document(endpoints: Iterable[Endpoint], public_url: str) -> Json:
    """The whole document."""
    declared = list(endpoints)
    found, components = models_json_schema(
        [*_models(declared), (ProblemDocument, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    references = {(model.__name__, mode): schema for (model, mode), schema in found.items()}
    paths: Json = {}
    for endpoint in declared:
        path = "/v1" + _PARAMETER.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Passmint",
            "version": "1",
            "summary": "Loyalty passes for Apple Wallet and Google Wallet.",
            "description": "Errors are RFC 9457 problem documents. Their codes: "
            + "; ".join(f"`{code}`: {cure}" for code, cure in CODES.items()),
        },
        "servers": [{"url": public_url}],
        "security": [{"key": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(e.tag for e in declared)],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key, `wk_…`."}
            },
            "schemas": components["$defs"],
        },
    }


def _models(endpoints: Iterable[Endpoint]) -> Iterator[Key]:
    for endpoint in endpoints:
        for model in (endpoint.body, endpoint.patch, endpoint.upload):
            if model:
                yield model, "validation"
        if isinstance(endpoint.answer, type):
            yield endpoint.answer, "serialization"


def _operation(endpoint: Endpoint, references: Schemas) -> Json:
    text = inspect.getdoc(endpoint.handler) or ""
    summary, _, description = text.partition(". ")
    operation: Json = {
        "operationId": endpoint.name,
        "tags": [endpoint.tag],
        "summary": summary.rstrip("."),
        "description": f"{description}\n\nScope: `{endpoint.scope}`.".strip(),
        "parameters": [
            *_path_parameters(endpoint),
            *_query_parameters(endpoint),
            *_headers(endpoint),
        ],
        "responses": _responses(endpoint, references),
    }
    body = _request_body(endpoint, references)
    if body:
        operation["requestBody"] = body
    return operation


def _path_parameters(endpoint: Endpoint) -> Iterator[Json]:
    for name in _PARAMETER.findall(endpoint.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameters(endpoint: Endpoint) -> Iterator[Json]:
    if endpoint.query is None:
        return
    schema = endpoint.query.model_json_schema()
    for name, described in schema["properties"].items():
        yield {"name": name, "in": "query", "required": False, "schema": described}


def _headers(endpoint: Endpoint) -> Iterator[Json]:
    yield {
        "name": MERCHANT_HEADER,
        "in": "header",
        "required": False,
        "description": "The merchant an operator's key acts for.",
        "schema": {"type": "string"},
    }
    if endpoint.idempotent:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "Required for every act that changes the ledger: new for each act, the "
            "same for its repetitions. A lookup needs none.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }


def _request_body(endpoint: Endpoint, references: Schemas) -> Json | None:
    for model, media_type in (
        (endpoint.body, "application/json"),
        (endpoint.upload, "multipart/form-data"),
    ):
        if model:
            schema = references[model.__name__, "validation"]
            return {"required": True, "content": {media_type: {"schema": schema}}}
    if endpoint.patch:
        reference = references[endpoint.patch.__name__, "validation"]["$ref"]
        schema = {
            "type": "object",
            "description": "A JSON merge patch (RFC 7396): the fields to change, "
            f"as in [{reference.rsplit('/', 1)[1]}]({reference}).",
        }
        return {"required": True, "content": {"application/json": {"schema": schema}}}
    return None


def _responses(endpoint: Endpoint, references: Schemas) -> Json:
    success: Json = {"description": endpoint.status.phrase}
    match endpoint.answer:
        case str() as media_type:
            success["content"] = {media_type: {"schema": {"type": "string", "format": "binary"}}}
        case type() as model:
            schema = references[model.__name__, "serialization"]
            success["content"] = {"application/json": {"schema": schema}}
    responses = {str(endpoint.status.value): success}
    if endpoint.tag == "members" and endpoint.method == "POST":
        responses["200"] = success
    problem = references["ProblemDocument", "serialization"]
    for status, description in _PROBLEMS.items():
        responses[str(status.value)] = {
            "description": description,
            "content": {MEDIA_TYPE: {"schema": problem}},
        }
    return responses
