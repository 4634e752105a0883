"""Google's Wallet API at `/walletobjects/v1/`, as its discovery document lists the paths.

    POST  {kind}                    insert
    GET   {kind}?issuerId=|classId= list, with maxResults and token
    GET   {kind}/{id}
    PUT   {kind}/{id}               replace
    PATCH {kind}/{id}               merge
    POST  {kind}/{id}/addMessage
    POST  jwt/validate
    GET   issuer/{issuerId}

Kinds: loyaltyClass, loyaltyObject and the same of offer and generic.
"""

import json
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import unquote

from webhooks.simulators.google_account import JwtError
from webhooks.simulators.google_errors import ApiError
from webhooks.simulators.google_http import Reply, Request, json_reply
from webhooks.simulators.google_kinds import KINDS, Json, Kind, legacy, schema_findings
from webhooks.simulators.google_knobs import Panel
from webhooks.simulators.google_pace import Bucket
from webhooks.simulators.google_registry import Registry, Resource
from webhooks.simulators.google_save import SaveDesk, SaveRefused
from webhooks.simulators.google_tokens import TokenOffice

PREFIX = "/walletobjects/v1/"


@dataclass(frozen=True, slots=True)
class Rest:
    """The API of one issuer's account."""

    tokens: TokenOffice
    registry: Registry
    desk: SaveDesk
    panel: Panel
    bucket: Bucket

    def answer(self, request: Request) -> Reply:
        """Raises ApiError."""
        self.tokens.admit(request.headers.get("authorization", ""))
        if not self.bucket.take(self.panel.knobs.rate_per_s, monotonic()):
            raise ApiError.too_fast()
        if not self.panel.knobs.account_linked:
            raise ApiError.denied()
        steps = [unquote(step) for step in request.path.removeprefix(PREFIX).split("/")]
        match (request.method, steps):
            case ("GET", ["issuer", issuer_id]):
                return json_reply(self._issuer(issuer_id))
            case ("POST", ["jwt", "validate"]):
                return json_reply(self._validate(request.json()))
            case (_, [path, *rest]) if path in KINDS:
                return self._resource(request, KINDS[path], rest)
        raise ApiError.no_route()

    def _resource(self, request: Request, kind: Kind, rest: list[str]) -> Reply:
        match (request.method, rest):
            case ("POST", []):
                found = self.registry.insert(kind, request.json())
            case ("GET", []):
                return json_reply(self._list(request, kind))
            case ("GET", [resource_id]):
                found = self.registry.get(kind, resource_id)
            case ("PUT", [resource_id]):
                found = self.registry.replace(kind, resource_id, request.json())
            case ("PATCH", [resource_id]):
                found = self.registry.merge(kind, resource_id, request.json())
            case ("POST", [resource_id, "addMessage"]):
                found = self.registry.add_message(kind, resource_id, request.json())
                return json_reply({"resource": self._shown(found)})
            case _:
                raise ApiError.no_route()
        return json_reply(self._shown(found))

    def _shown(self, resource: Resource) -> Json:
        """The resource as the API answers, with what Google adds."""
        document: Json = dict(resource.document)
        if resource.kind.parent:
            document["hasUsers"] = bool(resource.holders)
            document["classReference"] = self.registry.class_of(resource).document
        if not self.panel.knobs.legacy_answers:
            return document
        return legacy(resource.kind.definition, document)

    def _list(self, request: Request, kind: Kind) -> Json:
        """A page of at most maxResults; without it, all."""
        key = "classId" if kind.parent else "issuerId"
        wanted = request.query.get(key)
        if wanted is None:
            raise ApiError.invalid(f"Request contains an invalid argument. {key} is missing.")
        self.registry.check_id(wanted if kind.parent else f"{wanted}.x")
        found = self.registry.all(kind, wanted if kind.parent else None)
        start, size = _page(request, len(found))
        pagination: Json = {"kind": "walletobjects#pagination", "resultsPerPage": size}
        if start + size < len(found):
            pagination["nextPageToken"] = str(start + size)
        shown = [self._shown(one) for one in found[start : start + size]]
        return {"resources": shown, "pagination": pagination}

    def _issuer(self, issuer_id: str) -> Json:
        self.registry.check_id(f"{issuer_id}.x")
        return {"issuerId": issuer_id, "name": "Issuer of the simulator"}

    def _validate(self, body: Json) -> Json:
        """A preflight of a save JWT: nothing is made or saved. Google's words are not known."""
        found = schema_findings("JwtValidateRequest", body)
        if found or len(body) != 1:
            raise ApiError.invalid("Exactly one of jwtResource and jsonResource is needed.")
        try:
            self.desk.check(self._claims(body))
        except (JwtError, SaveRefused, ValueError) as error:
            raise ApiError.invalid(f"Request contains an invalid argument. {error}") from error
        return {}

    def _claims(self, body: Json) -> dict[str, Any]:
        if "jwtResource" in body:
            return self.desk.account.claims(str(body["jwtResource"].get("jwt")))
        claims = json.loads(str(body["jsonResource"].get("json")))
        if not isinstance(claims, dict):
            raise JwtError("The claims must be a JSON object.")
        return claims


def _page(request: Request, size_of_all: int) -> tuple[int, int]:
    start, size = request.query.get("token", "0"), request.query.get("maxResults")
    if not start.isdecimal() or (size is not None and not size.isdecimal()):
        raise ApiError.invalid("Request contains an invalid argument. maxResults, token.")
    return int(start), int(size) if size else max(size_of_all, 1)
