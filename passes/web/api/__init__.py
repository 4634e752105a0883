"""The JSON API under /v1: every endpoint is declared once and documented from its declaration."""

from passes.web.api import (
    api_keys,
    certificates,
    deliveries,
    images,
    ledger,
    locations,
    members,
    merchants,
    programs,
    templates,
)
from passes.web.api import passes as issued
from passes.web.api.contract import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = tuple(
    endpoint
    for module in (
        merchants,
        api_keys,
        images,
        templates,
        programs,
        locations,
        members,
        ledger,
        issued,
        deliveries,
        certificates,
    )
    for endpoint in module.routes.endpoints
)
