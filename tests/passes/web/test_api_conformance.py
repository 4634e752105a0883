"""Whatever is sent to the API, the answer is one the description promises."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from certs import development
from passes.store.database import Database
from passes.web.api import ENDPOINTS
from passes.web.api.contract import Endpoint
from passes.web.application import create_app
from tests.service import OPERATOR_KEY, Clock, Door, Service, assemble

PROMISES = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
)


@pytest.fixture(scope="module")
def known(
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_template: Path,
    identities: development.DevelopmentFiles,
    google_account: Path,
) -> Iterator[tuple[Service, dict[str, str]]]:
    """One service for all operations, and ids of objects that exist in it."""
    path = tmp_path_factory.mktemp("conformance") / "passmint.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    parts = assemble(database, Clock(), identities, google_account)
    client = create_app(parts).test_client()
    service = Service(client.application, parts, client, Door(client, OPERATOR_KEY))
    door = service.merchant()
    program = service.program(door, card_size=2, milestones=[])
    member = service.member(door, program, external_id="7")
    shop = {"name": "Shop", "latitude": 47.5, "longitude": 19.0}
    opened = door.post("/locations", shop).json
    spare = door.post("/api_keys", {"name": "spare", "scopes": ["members:read"]}).json
    yield (
        service,
        {
            "merchant_id": door.get("/merchants").json["data"][0]["id"],
            "program_id": program["id"],
            "template_id": program["template_id"],
            "member_id": member["id"],
            "pass_id": member["pass"]["id"],
            "location_id": opened["location"]["id"],
            "relocation_id": opened["relocation_id"],
            "key_id": spare["id"],
        },
    )
    database.dispose()


@pytest.fixture(scope="module")
def description(known: tuple[Service, dict[str, str]]) -> Any:
    return schemathesis.openapi.from_wsgi("/openapi.json", known[0].app)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_answer_is_as_described(
    endpoint: Endpoint,
    mode: GenerationMode,
    description: Any,
    known: tuple[Service, dict[str, str]],
) -> None:
    path = "/v1" + re.sub(r"<(\w+)>", r"{\1}", endpoint.path)
    operation = description[path][endpoint.method]
    ids = known[1]
    credentials = {
        "Authorization": f"Bearer {OPERATOR_KEY}",
        "Passmint-Merchant": ids["merchant_id"],
    }

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def keep_the_promises(case: schemathesis.Case) -> None:
        for name in case.path_parameters or {}:
            case.path_parameters[name] = ids.get(name, case.path_parameters[name])
        case.call_and_validate(headers=credentials, checks=PROMISES)

    keep_the_promises()
