"""What Google Wallet would refuse is found before it is sent, each fault with its place."""

import copy
import json
from collections.abc import Callable
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passes.wallets.google import Json, class_json, object_json
from passes.wallets.google_rules import _CODES, PROTECTED, Kind, check_overrides, faults
from tests.passes.wallets.google_cards import class_facts, face, object_facts

KLASS: Kind = "LoyaltyClass"
OBJECT: Kind = "LoyaltyObject"
CLASS_DOCUMENT = class_json(class_facts(homepage="https://lepcso.example"))
OBJECT_DOCUMENT = object_json(face(first_name="Jana"), object_facts())
PLACE = {"latitude": 47.5, "longitude": 19.05}
ITEM = {"firstValue": {"fields": [{"fieldPath": "object.accountId"}]}}
ROW = {"oneItem": {"item": ITEM}}
TEXT = {"defaultValue": {"language": "en", "value": "x"}}


def rows(*cards: Json) -> Json:
    return {"cardTemplateOverride": {"cardRowTemplateInfos": list(cards)}}


def path(field_path: str) -> Json:
    item = {"firstValue": {"fields": [{"fieldPath": field_path}]}}
    return rows({"oneItem": {"item": item}})


def interval(start: str, end: str) -> Json:
    return {"start": {"date": start}, "end": {"date": end}}


ROWS = "/classTemplateInfo/cardTemplateOverride/cardRowTemplateInfos"
FIELD = f"{ROWS}/0/oneItem/item/firstValue/fields/0/fieldPath"
MUTATIONS: list[tuple[Kind, str, object, str, str]] = [
    # kind, key, value, pointer of the fault, its code
    (KLASS, "id", "shop.card", "/id", "malformed"),
    (KLASS, "id", "3388.caf\u00e9", "/id", "malformed"),
    (KLASS, "id", "3388." + "x" * 60, "/id", "malformed"),
    (KLASS, "reviewStatus", "APPROVED", "/reviewStatus", "unknown_value"),
    (KLASS, "reviewStatus", "underReview", "/reviewStatus", "unknown_value"),
    (KLASS, "hexBackgroundColor", "1f3a2e", "/hexBackgroundColor", "malformed"),
    (KLASS, "hexBackgroundColor", "#1f3a2e\n", "/hexBackgroundColor", "malformed"),
    (KLASS, "countryCode", "hu", "/countryCode", "malformed"),
    (KLASS, "programName", 7, "/programName", "wrong_type"),
    (KLASS, "merchantLocations", [PLACE] * 11, "/merchantLocations", "too_many"),
    (KLASS, "messages", [{"body": "x"}] * 11, "/messages", "too_many"),
    (KLASS, "review", {"comments": "x"}, "/review", "read_only"),
    (KLASS, "wordMark", {"privateImageId": "x"}, "/wordMark", "deprecated"),
    (KLASS, "locations", [], "/locations", "deprecated"),
    (KLASS, "allowMultipleUsersPerObject", True, "/allowMultipleUsersPerObject", "deprecated"),
    (KLASS, "programLogo", {}, "/programLogo", "not_exactly_one"),
    (
        KLASS,
        "programLogo",
        {"sourceUri": {"uri": "https://x.example/a.png"}, "privateImageId": "x"},
        "/programLogo",
        "not_exactly_one",
    ),
    (KLASS, "programLogo", {"sourceUri": {}}, "/programLogo/sourceUri/uri", "missing"),
    (KLASS, "callbackOptions", {"url": "http://x.example"}, "/callbackOptions/url", "malformed"),
    (KLASS, "homepageUri", {"uri": "lepcso.example"}, "/homepageUri/uri", "malformed"),
    (KLASS, "classTemplateInfo", rows(*[ROW] * 4), ROWS, "too_many"),
    (KLASS, "classTemplateInfo", rows({}), f"{ROWS}/0", "not_exactly_one"),
    (
        KLASS,
        "classTemplateInfo",
        rows(ROW | {"twoItems": {"startItem": ITEM, "endItem": ITEM}}),
        f"{ROWS}/0",
        "not_exactly_one",
    ),
    (
        KLASS,
        "classTemplateInfo",
        rows({"twoItems": {"startItem": ITEM}}),
        f"{ROWS}/0/twoItems/endItem",
        "missing",
    ),
    (KLASS, "classTemplateInfo", path('object.textModulesData["a"]'), FIELD, "malformed"),
    (KLASS, "classTemplateInfo", path("object.textModulesData[a]"), FIELD, "malformed"),
    (KLASS, "classTemplateInfo", path("object.stamps"), FIELD, "malformed"),
    (KLASS, "classTemplateInfo", path("object.accountId['x']"), FIELD, "malformed"),
    (KLASS, "classTemplateInfo", path("loyaltyPoints.balance"), FIELD, "malformed"),
    (OBJECT, "classId", "card", "/classId", "malformed"),
    (OBJECT, "state", "active", "/state", "unknown_value"),
    (OBJECT, "state", "PAUSED", "/state", "unknown_value"),
    (OBJECT, "hasUsers", True, "/hasUsers", "read_only"),
    (OBJECT, "classReference", {}, "/classReference", "read_only"),
    (OBJECT, "infoModuleData", {}, "/infoModuleData", "deprecated"),
    (OBJECT, "kind", "walletobjects#loyaltyObject", "/kind", "deprecated"),
    (OBJECT, "stamps/left~", 3, "/stamps~1left~0", "unknown_key"),
    (
        OBJECT,
        "loyaltyPoints",
        {"balance": {"string": "3/10", "int": 3}},
        "/loyaltyPoints/balance",
        "not_exactly_one",
    ),
    (OBJECT, "loyaltyPoints", {"balance": {}}, "/loyaltyPoints/balance", "not_exactly_one"),
    (
        OBJECT,
        "loyaltyPoints",
        {"balance": {"money": {"micros": "1.5"}}},
        "/loyaltyPoints/balance/money/micros",
        "wrong_type",
    ),
    (OBJECT, "barcode", {"type": "qrCode"}, "/barcode/type", "unknown_value"),
    (
        OBJECT,
        "heroImage",
        {"sourceUri": {"uri": "http://x.example/a.png"}},
        "/heroImage/sourceUri/uri",
        "malformed",
    ),
    (
        OBJECT,
        "heroImage",
        {"sourceUri": {"uri": "http://127.0.0.1.evil.example/a.png"}},
        "/heroImage/sourceUri/uri",
        "malformed",
    ),
    (OBJECT, "textModulesData", [{"id": "a.b"}], "/textModulesData/0/id", "malformed"),
    (OBJECT, "textModulesData", [{"id": "it's"}], "/textModulesData/0/id", "malformed"),
    (
        OBJECT,
        "valueAddedModuleData",
        [{"header": TEXT, "uri": "https://x.example"}] * 16,
        "/valueAddedModuleData",
        "too_many",
    ),
    (
        OBJECT,
        "merchantLocations",
        [PLACE, PLACE | {"latitude": 90.1}],
        "/merchantLocations/1/latitude",
        "out_of_range",
    ),
    (
        OBJECT,
        "merchantLocations",
        [PLACE | {"longitude": -181}],
        "/merchantLocations/0/longitude",
        "out_of_range",
    ),
    (
        OBJECT,
        "merchantLocations",
        [PLACE | {"latitude": float("nan")}],
        "/merchantLocations/0/latitude",
        "wrong_type",
    ),
    (OBJECT, "merchantLocations", [{"latitude": 1}], "/merchantLocations/0/longitude", "missing"),
    (
        OBJECT,
        "merchantLocations",
        [PLACE | {"radius": 100}],
        "/merchantLocations/0/radius",
        "unknown_key",
    ),
    (
        OBJECT,
        "validTimeInterval",
        interval("2027-01-01T08:00:00", "2027-02-01T08:00:00Z"),
        "/validTimeInterval",
        "offsets_differ",
    ),
    (
        OBJECT,
        "validTimeInterval",
        interval("2027-02-30T08:00:00Z", "2027-03-01T08:00:00Z"),
        "/validTimeInterval/start/date",
        "malformed",
    ),
    (
        OBJECT,
        "linksModuleData",
        {"uris": [{"uri": "javascript:alert(1)"}]},
        "/linksModuleData/uris/0/uri",
        "malformed",
    ),
    (OBJECT, "linkedObjectIds", ["3388.ok", "x"], "/linkedObjectIds/1", "malformed"),
]


def document(kind: Kind) -> Json:
    return copy.deepcopy(CLASS_DOCUMENT if kind == KLASS else OBJECT_DOCUMENT)


@pytest.mark.parametrize(("kind", "key", "value", "pointer", "code"), MUTATIONS)
def test_a_wrong_value_is_found_where_it_stands(
    kind: Kind, key: str, value: object, pointer: str, code: str
) -> None:
    found = faults(kind, document(kind) | {key: value})

    assert [(fault.pointer, fault.code) for fault in found] == [(pointer, code)]


@pytest.mark.parametrize(
    ("kind", "key"),
    [(KLASS, key) for key in ("id", "issuerName", "programName", "programLogo", "reviewStatus")]
    + [(OBJECT, key) for key in ("id", "classId", "state")],
)
def test_what_google_requires_must_be_there(kind: Kind, key: str) -> None:
    incomplete = document(kind)
    del incomplete[key]

    assert [(f.pointer, f.code) for f in faults(kind, incomplete)] == [(f"/{key}", "missing")]


GOOD: list[tuple[Kind, str, object]] = [
    (KLASS, "reviewStatus", "DRAFT"),
    (KLASS, "hexBackgroundColor", "#ABC"),
    (KLASS, "merchantLocations", [PLACE] * 10),
    (KLASS, "programLogo", {"privateImageId": "x"}),
    (KLASS, "programLogo", {"sourceUri": {"uri": "http://localhost:8080/i/a.png"}}),
    (KLASS, "programLogo", {"sourceUri": {"uri": "http://[::1]:8080/i/a.png"}}),
    (KLASS, "classTemplateInfo", path("class.textModulesData['story'].body")),
    (OBJECT, "loyaltyPoints", {"balance": {"money": {"micros": "1500000"}}}),
    (OBJECT, "merchantLocations", [{"latitude": -90, "longitude": 180.0}]),
    (OBJECT, "validTimeInterval", interval("2027-01-01T08:00:00", "2027-02-01T08:00:00.5")),
    (
        OBJECT,
        "validTimeInterval",
        interval("2027-01-01T08:00:00Z", "2027-02-01T08:00:00-04:00"),
    ),
    (OBJECT, "validTimeInterval", {"end": {"date": "2027-02-01T08:00:00Z"}}),
]


@pytest.mark.parametrize(("kind", "key", "value"), GOOD)
def test_what_google_allows_is_no_fault(kind: Kind, key: str, value: object) -> None:
    assert faults(kind, document(kind) | {key: value}) == ()


def test_all_faults_are_told_at_once_and_in_order() -> None:
    broken = document(KLASS) | {"reviewStatus": "APPROVED", "id": "x", "colour": "red"}

    assert [fault.pointer for fault in faults(KLASS, broken)] == ["/colour", "/id", "/reviewStatus"]


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(sorted(OBJECT_DOCUMENT)),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["balance", "uri", "id", "uris", "x"]), inner)
            ),
        ),
    )
)
def test_no_document_is_too_broken_to_be_explained(changes: Json) -> None:
    for fault in faults(OBJECT, OBJECT_DOCUMENT | changes):
        assert fault.detail.endswith(".")


def test_a_fault_never_repeats_what_the_document_says() -> None:
    found = faults(OBJECT, document(OBJECT) | {"accountName": ["Jana Nová"], "state": "Jana"})

    assert len(found) == 2
    assert not any("Jana" in fault.detail for fault in found)


def test_every_rule_of_googles_schema_can_be_explained() -> None:
    source = files("passes.wallets").joinpath("data", "google-walletobjects.schema.json")
    definitions = json.loads(source.read_text())["$defs"]
    keywords: set[str] = set()

    def collect(node: object, visit: Callable[[object], None]) -> None:
        if isinstance(node, dict):
            keywords.update(node.keys() - {"properties"})
            for key, value in node.items():
                for inner in value.values() if key == "properties" else [value]:
                    visit(inner)

    def walk(node: object) -> None:
        collect(node, walk)

    for definition in definitions.values():
        walk(definition)
    assert keywords - {"$ref", "items", "description"} <= _CODES.keys()


def test_overrides_in_both_parts_are_allowed() -> None:
    overrides = {
        "class": {"hexBackgroundColor": "#123456", "messages": [{"header": "a", "body": "b"}]},
        "object": {"passConstraints": {"screenshotEligibility": "INELIGIBLE"}},
    }
    assert check_overrides(overrides) == ()
    assert check_overrides({}) == ()


@pytest.mark.parametrize(
    ("part", "key"), [(part, key) for part in PROTECTED for key in sorted(PROTECTED[part])]
)
def test_an_override_may_not_replace_what_the_service_says(part: str, key: str) -> None:
    found = check_overrides({part: {key: "anything"}})

    assert [(fault.pointer, fault.code) for fault in found] == [(f"/{part}/{key}", "protected")]


@pytest.mark.parametrize(
    ("overrides", "pointer", "code"),
    [
        ({"klass": {}}, "/klass", "unknown_key"),
        ({"class": []}, "/class", "wrong_type"),
        ({"class": {"hexBackgroundColor": "red"}}, "/class/hexBackgroundColor", "malformed"),
        ({"object": {"merchantLocations": [PLACE] * 11}}, "/object/merchantLocations", "too_many"),
        ({"object": {"colour": 1}}, "/object/colour", "unknown_key"),
        ({"class": {"wordMark": {"privateImageId": "x"}}}, "/class/wordMark", "deprecated"),
    ],
)
def test_a_wrong_override_is_found_where_it_stands(
    overrides: Json, pointer: str, code: str
) -> None:
    found = check_overrides(overrides)

    assert [(fault.pointer, fault.code) for fault in found] == [(pointer, code)]
