"""How an endpoint is declared, and the path each request takes: authorize → parse → handler.

    routes = Routes("programs")

    @routes.on("POST", "/programs", scope="programs:write", body=ProgramDraft, answer=ProgramView)
    def create(call: Call) -> Reply: ...

From the same declaration comes the OpenAPI document, so the two cannot disagree.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

from flask import Blueprint, Response, g, request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from passes.errors import (
    BadRequest,
    FieldFault,
    ForbiddenScope,
    Invalid,
    NotFound,
    PreconditionFailed,
    Unauthorized,
)
from passes.services.api_keys import Caller, recognise
from passes.services.merchants import find_merchant
from passes.web.parts import Parts, parts
from passes.web.problems import MalformedBody, UnsupportedMediaType, faults_of

MERCHANT_HEADER = "Passmint-Merchant"
ADMIN = "admin"

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers: a view (or nothing), its status, and its revision for If-Match."""

    view: BaseModel | None = None
    status: HTTPStatus = HTTPStatus.OK
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One authorized request. `path` holds the parameters of the address; `now` is aware UTC."""

    parts: Parts
    endpoint: "Endpoint"
    caller: Caller
    now: datetime
    path: Mapping[str, str]

    @property
    def merchant_id(self) -> str:
        """The merchant this request is about; a problem when an operator named none."""
        if self.caller.merchant_id is None:
            detail = f"An operator's key names the merchant in the header {MERCHANT_HEADER}."
            raise BadRequest(detail, code="merchant_missing")
        return self.caller.merchant_id

    def body(self, model: type[Model]) -> Model:
        """The request's body as the declared model; a problem with every fault otherwise."""
        assert self.endpoint.body is model  # noqa: S101  # the document promises this one
        return _validated(model, _json_text())

    def query(self, model: type[Model]) -> Model:
        """The query's parameters as the declared model; a problem with every fault otherwise."""
        assert self.endpoint.query is model  # noqa: S101  # the document promises this one
        repeated = [name for name, values in request.args.lists() if len(values) > 1]
        if repeated:
            raise Invalid([FieldFault(f"/{name}", "repeated", "send it once") for name in repeated])
        try:
            return model.model_validate(request.args.to_dict())
        except ValidationError as error:
            raise Invalid(faults_of(error)) from error

    def patched(self, draft: Model) -> Model:
        """The draft with the body laid over it as JSON merge patch (RFC 7396), checked anew."""
        assert self.endpoint.patch is type(draft)  # noqa: S101  # the document promises this one
        changes = from_json(_json_text())
        if not isinstance(changes, dict):
            raise Invalid([FieldFault("", "object_expected", "send one JSON object")])
        return _validated(type(draft), to_json(_merge(draft.model_dump(mode="json"), changes)))


Handler = Callable[[Call], Reply | Response]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A declaration; `path` is in Flask's spelling, without the base.

    `answer` is the view of a success, or the media type of bytes; `patch` the draft that a merge
    patch is laid over; `upload` the form of a multipart request; an `idempotent` one asks for an
    Idempotency-Key.
    """

    tag: str
    method: str
    path: str
    scope: str
    handler: Handler
    status: HTTPStatus
    answer: type[BaseModel] | str | None
    body: type[BaseModel] | None
    patch: type[BaseModel] | None
    query: type[BaseModel] | None
    upload: type[BaseModel] | None
    idempotent: bool

    @property
    def name(self) -> str:
        return f"{self.tag}_{self.handler.__name__}"


@dataclass(slots=True)
class Routes:
    """The endpoints of one module."""

    tag: str
    endpoints: list[Endpoint] = field(default_factory=list)

    def on(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        answer: type[BaseModel] | str | None = None,
        status: HTTPStatus = HTTPStatus.OK,
        body: type[BaseModel] | None = None,
        patch: type[BaseModel] | None = None,
        query: type[BaseModel] | None = None,
        upload: type[BaseModel] | None = None,
        idempotent: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Declares the decorated handler as an endpoint; its docstring is its documentation."""

        def keep(handler: Handler) -> Handler:
            self.endpoints.append(
                Endpoint(
                    self.tag, method, path, scope, handler, status, answer,
                    body, patch, query, upload, idempotent,
                )
            )  # fmt: skip
            return handler

        return keep


def mount(blueprint: Blueprint, endpoint: Endpoint) -> None:
    """Makes the endpoint answer under the blueprint."""

    def view(**path: str) -> Response:
        here = parts()
        caller = _authorize(here, endpoint.scope)
        if endpoint.upload is None:
            request.get_data()  # now: a body that trickles in must not hold a transaction open
        outcome = endpoint.handler(Call(here, endpoint, caller, here.now(), path))
        return outcome if isinstance(outcome, Response) else _respond(outcome)

    blueprint.add_url_rule(endpoint.path, endpoint.name, view, methods=[endpoint.method])


def check_revision(revision: int) -> None:
    """PreconditionFailed when If-Match was sent and names another revision."""
    wish = request.headers.get("If-Match")
    if wish is None:
        return
    # A proxy that compresses marks our tags as weak: W/"1" is still the revision we meant.
    named = {tag.strip().removeprefix("W/") for tag in wish.split(",")}
    if not named & {"*", _etag(revision)}:
        raise PreconditionFailed("It has been changed since you read it: read it again.")


def _authorize(here: Parts, scope: str) -> Caller:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    with here.database.reading() as session:
        caller = recognise(session, secret.strip()) if kind.lower() == "bearer" else None
        if caller is None:
            raise Unauthorized("Send `Authorization: Bearer wk_…` with a key that is in force.")
        g.key_id = caller.key_id
        if not caller.scopes & {scope, ADMIN}:
            raise ForbiddenScope(f"This key lacks the scope {scope}.")
        named = request.headers.get(MERCHANT_HEADER)
        if named is None or named == caller.merchant_id:
            return caller
        if caller.merchant_id is not None:
            raise NotFound("There is no such merchant.")
        return replace(caller, merchant_id=find_merchant(session, named).id)


def _json_text() -> bytes:
    if request.mimetype not in {"application/json", "application/merge-patch+json"}:
        raise UnsupportedMediaType("application/json")
    text = request.get_data()
    try:
        from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedBody from error
    return text


def _validated(model: type[Model], text: bytes) -> Model:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise Invalid(faults_of(error)) from error


def _merge(target: object, changes: dict[str, object]) -> dict[str, object]:
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in changes.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            merged[name] = _merge(merged.get(name), value)
        else:
            merged[name] = value
    return merged


def _respond(reply: Reply) -> Response:
    if reply.view is None:
        return Response(status=HTTPStatus.NO_CONTENT)
    text = reply.view.model_dump_json(by_alias=True)
    response = Response(text, reply.status, content_type="application/json")
    if reply.revision is not None:
        response.headers["ETag"] = _etag(reply.revision)
    response.headers["Cache-Control"] = "no-store"
    return response


def _etag(revision: int) -> str:
    return f'"{revision}"'
