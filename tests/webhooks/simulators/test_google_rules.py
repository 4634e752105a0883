"""Google's rules beyond its schema, each with a document that breaks it and nothing else."""

from typing import Any

import pytest

from tests.webhooks.simulators.google_room import class_document, object_document
from webhooks.simulators.google_rules import rule_findings

SHOP = {"latitude": 47.5, "longitude": 19.0}
MESSAGE = {"header": "Hi", "body": "There"}
LINK = {"uri": "https://cards.example"}
MODULE = {"header": "More", "uri": LINK}
ROW: dict[str, Any] = {"oneItem": {"item": {}}}


def template(*rows: Any) -> dict[str, Any]:
    return {"classTemplateInfo": {"cardTemplateOverride": {"cardRowTemplateInfos": list(rows)}}}


BREACHES: list[tuple[str, dict[str, Any], str, str]] = [
    ("object", {"id": "fern.anna"}, "id_invalid", "id"),
    ("object", {"id": "3388.an na"}, "id_invalid", "id"),
    ("object", {"classId": "coffee"}, "id_invalid", "classId"),
    ("class", {"hexBackgroundColor": "green"}, "colour_invalid", "hexBackgroundColor"),
    ("class", {"hexBackgroundColor": "#12345"}, "colour_invalid", "hexBackgroundColor"),
    ("class", {"merchantLocations": [SHOP] * 11}, "too_many", "merchantLocations"),
    ("object", {"merchantLocations": [SHOP] * 11}, "too_many", "merchantLocations"),
    (
        "object",
        {"merchantLocations": [SHOP | {"latitude": 90.1}]},
        "out_of_range",
        "merchantLocations[0].latitude",
    ),
    (
        "object",
        {"merchantLocations": [SHOP | {"longitude": -180.1}]},
        "out_of_range",
        "merchantLocations[0].longitude",
    ),
    (
        "object",
        {"merchantLocations": [{"latitude": 1.0}]},
        "out_of_range",
        "merchantLocations[0].longitude",
    ),
    ("object", {"messages": [MESSAGE] * 11}, "too_many", "messages"),
    ("object", {"valueAddedModuleData": [MODULE] * 16}, "too_many", "valueAddedModuleData"),
    (
        "object",
        {"valueAddedModuleData": [{"uri": LINK}]},
        "missing",
        "valueAddedModuleData[0].header",
    ),
    ("class", template(ROW, ROW, ROW, ROW), "too_many", "cardRowTemplateInfos"),
    ("class", template({}), "not_exactly_one", "cardRowTemplateInfos[0]"),
    ("class", template(ROW | {"twoItems": {}}), "not_exactly_one", "cardRowTemplateInfos[0]"),
    ("object", {"heroImage": {}}, "not_exactly_one", "heroImage"),
    (
        "object",
        {"heroImage": {"sourceUri": {"uri": "https://x.example/a"}, "privateImageId": "1"}},
        "not_exactly_one",
        "heroImage",
    ),
    (
        "object",
        {"heroImage": {"sourceUri": {"uri": "http://cards.example/a.png"}}},
        "image_not_public",
        "heroImage.sourceUri.uri",
    ),
    ("object", {"loyaltyPoints": {"balance": {}}}, "not_exactly_one", "loyaltyPoints.balance"),
    (
        "object",
        {"loyaltyPoints": {"balance": {"int": 1, "string": "1"}}},
        "not_exactly_one",
        "loyaltyPoints.balance",
    ),
    (
        "object",
        {"linksModuleData": {"uris": [{"uri": "cards.example"}]}},
        "uri_without_scheme",
        "uri",
    ),
    ("object", {"textModulesData": [{"id": "a.b"}]}, "id_with_dot", "textModulesData[0].id"),
    (
        "object",
        {
            "validTimeInterval": {
                "start": {"date": "2026-01-01T00:00:00Z"},
                "end": {"date": "2027-01-01T00:00:00"},
            }
        },
        "offsets_differ",
        "validTimeInterval",
    ),
    (
        "object",
        {"validTimeInterval": {"end": {"date": "soon"}}},
        "date_invalid",
        "validTimeInterval",
    ),
    ("class", {"callbackOptions": {"url": "http://cards.example/g"}}, "callback_not_https", "url"),
    (
        "object",
        {"saveRestrictions": {"restrictToEmailSha256": "anna@example.com"}},
        "hash_invalid",
        "restrictToEmailSha256",
    ),
]


@pytest.mark.parametrize(("part", "changes", "code", "subject"), BREACHES)
def test_a_broken_rule_is_found_at_its_place(
    part: str, changes: dict[str, Any], code: str, subject: str
) -> None:
    [found] = findings(part, changes)
    assert found.code == code
    assert found.subject.endswith(subject)


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("class", {}),
        ("object", {}),
        ("class", {"merchantLocations": [SHOP] * 10, "hexBackgroundColor": "#abc"}),
        ("class", {"callbackOptions": {"url": "http://127.0.0.1:8080/google/callback"}}),
        ("class", template(ROW, ROW, ROW)),
        ("object", {"messages": [MESSAGE] * 10, "valueAddedModuleData": [MODULE] * 15}),
        ("object", {"heroImage": {"sourceUri": {"uri": "http://localhost:8080/i/x.png"}}}),
        ("object", {"heroImage": {"privateImageId": "abc"}}),
        ("object", {"linksModuleData": {"uris": [{"uri": "tel:+3612345678"}]}}),
        (
            "object",
            {
                "validTimeInterval": {
                    "start": {"date": "2026-01-01T00:00:00Z"},
                    "end": {"date": "2027-01-01T00:00:00+01:00"},
                }
            },
        ),
    ],
)
def test_what_keeps_the_rules_is_let_through(part: str, changes: dict[str, Any]) -> None:
    assert findings(part, changes) == []


def findings(part: str, changes: dict[str, Any]) -> list[Any]:
    document = class_document if part == "class" else object_document
    return rule_findings(f"Loyalty{part.capitalize()}", document(**changes))
