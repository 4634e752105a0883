"""The schema and the two spellings of Google."""

from pathlib import Path

import passes.wallets
import webhooks.simulators
from tests.webhooks.simulators.google_room import class_document, object_document
from webhooks.simulators.google_kinds import canonical, legacy, schema_findings

SCHEMA = Path("data", "google-walletobjects.schema.json")


def test_service_and_simulator_carry_the_same_schema() -> None:
    ours, theirs = (
        Path(room.__path__[0], SCHEMA) for room in (passes.wallets, webhooks.simulators)
    )
    assert ours.read_bytes() == theirs.read_bytes()


def test_answers_use_the_old_names_and_say_their_kind() -> None:
    document = object_document(
        heroImage={
            "sourceUri": {"uri": "https://cards.example/x.png"},
            "contentDescription": {"defaultValue": {"language": "en", "value": "3 of 10"}},
        }
    )
    answer = legacy("LoyaltyObject", document)
    assert (answer["kind"], answer["state"]) == ("walletobjects#loyaltyObject", "active")
    assert answer["barcode"]["type"] == "qrCode"
    picture = answer["heroImage"]
    assert picture["kind"] == "walletobjects#image"
    assert picture["contentDescription"]["kind"] == "walletobjects#localizedString"
    default = picture["contentDescription"]["defaultValue"]
    assert default == {
        "kind": "walletobjects#translatedString",
        "language": "en",
        "value": "3 of 10",
    }


def test_what_comes_back_in_the_old_spelling_is_kept_in_the_new_one() -> None:
    for definition, document in (
        ("LoyaltyClass", class_document()),
        ("LoyaltyObject", object_document()),
    ):
        answer = legacy(definition, document)
        assert answer != document
        assert schema_findings(definition, answer) == []
        assert canonical(definition, answer) == document


def test_what_only_google_may_set_is_ignored() -> None:
    sent = object_document(hasUsers=True, hasLinkedDevice=True, classReference={"id": "1.x"})
    assert canonical("LoyaltyObject", sent) == object_document()


def test_the_schema_knows_every_field_and_what_is_required() -> None:
    sent = object_document(state=None, colour="red", loyaltyPoints={"balance": {"int": "3"}})
    found = {(one.code, one.subject) for one in schema_findings("LoyaltyObject", sent)}
    assert found == {
        ("schema_required", "."),
        ("schema_additionalProperties", "."),
        ("schema_type", ".loyaltyPoints.balance.int"),
    }
    assert schema_findings("LoyaltyObject.patch", {}) == []
