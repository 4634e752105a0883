"""Every strict check, told as a table: what is written, and the fault it gives."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from passes.wallets.apple_rules import check_overrides, faults, is_sound_field
from tests.passes.wallets.apple_cards import FACTS, pieces

ARTWORK = pieces()
FIELD = {"key": "stamps", "label": "Stamps", "value": "3/10", "changeMessage": "Now %@"}
CODE = {"format": "PKBarcodeFormatQR", "message": "ABC", "messageEncoding": "iso-8859-1"}
SOUND: dict[str, Any] = {
    "formatVersion": 1,
    "passTypeIdentifier": "pass.com.example.loyalty",
    "teamIdentifier": "ABCDE12345",
    "serialNumber": "1",
    "authenticationToken": FACTS.authentication_token,
    "webServiceURL": "https://passes.example/apple",
    "organizationName": "Lépcső",
    "description": "A card",
    "backgroundColor": "rgb(0, 128,255)",
    "barcodes": [CODE],
    "storeCard": {"headerFields": [FIELD], "backFields": [{"key": "terms", "value": ""}]},
}


def with_value(path: str, value: object) -> dict[str, Any]:
    document = copy.deepcopy(SOUND)
    *steps, last = path.strip("/").split("/")
    place: Any = document
    for step in steps:
        place = place[int(step)] if step.isdigit() else place[step]
    place[int(last) if last.isdigit() else last] = value
    return document


def rows(*keys: str) -> list[dict[str, str]]:
    return [{"key": key, "value": ""} for key in keys]


def found(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in faults(document, ARTWORK)]


def test_a_sound_pass_has_no_fault() -> None:
    assert found(SOUND) == []


@pytest.mark.parametrize("key", sorted(SOUND.keys() - {"backgroundColor"}))
def test_what_wallet_and_we_need_cannot_be_left_out(key: str) -> None:
    document = {name: value for name, value in SOUND.items() if name != key}
    assert found(document) == [(f"/{key}", "key_missing")]


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("/formatVersion", 2, "literal_error"),
        ("/passTypeIdentifier", "com.example", "identifier_invalid"),
        ("/teamIdentifier", "abc", "identifier_invalid"),
        ("/serialNumber", "", "text_missing"),
        ("/serialNumber", 7, "text_invalid"),
        ("/authenticationToken", "x" * 31, "token_weak"),
        ("/organizationName", "a\x00b", "text_invalid"),
        ("/organizationName", "\ud83d", "text_invalid"),
        ("/description", None, "text_invalid"),
        ("/backgroundColor", "#1f3a2e", "colour_invalid"),
        ("/backgroundColor", "rgb(0, 0, 256)", "colour_invalid"),
        ("/webServiceURL", "http://passes.example/apple", "web_service_invalid"),
        ("/webServiceURL", "https://passes.example/apple/v1", "web_service_invalid"),
        ("/webServiceURL", "https://passes.example/v1/", "web_service_invalid"),
        ("/webServiceURL", "https:///apple", "web_service_invalid"),
        ("/webServiceURL", "https://[::1", "web_service_invalid"),
        ("/voided", "true", "bool_type"),
        ("/barcodes/0/message", "kód", "message_invalid"),
        ("/barcodes/0/message", "", "message_invalid"),
        ("/barcodes/0/format", "QR", "literal_error"),
        ("/storeCard/headerFields/0/key", "", "text_missing"),
        ("/storeCard/headerFields/0/value", 3, "text_invalid"),
        ("/storeCard/headerFields/0/changeMessage", "changed", "change_message_invalid"),
        ("/storeCard/headerFields/0/textAlignment", "PKTextAlignmentLeft", "key_unknown"),
        ("/storeCard/headerFields/0/attributedValue", "x", "key_unknown"),
        ("/storeCard/backFields/0/attributedValue", "<b>x</b>", "markup_invalid"),
        ("/storeCard/backFields/0/attributedValue", '<a href="x">y</a>', "markup_invalid"),
        ("/storeCard/backfields", [], "key_unknown"),
        ("/storeCard/headerFields", rows("a", "b", "c", "d"), "too_many"),
        ("/storeCard/primaryFields", rows("a", "b"), "too_many"),
        ("/locations", [{"latitude": 0, "longitude": 0}] * 11, "too_many"),
        ("/locations", {}, "list_type"),
        ("/relevantDate", "2027-05-07T10:30Z", "key_refused"),
        ("/nfc", {}, "key_refused"),
        ("/suppressStripShine", False, "key_refused"),
        ("/eventTicket", {}, "key_unknown"),
        ("/expirationDate", "2027-05-07T10:30:00.000Z", "date_invalid"),
        ("/expirationDate", "2027-02-30T10:30Z", "date_invalid"),
        ("/expirationDate", "2027-05-07T10:30+0200", "date_invalid"),
    ],
)
def test_a_faulty_value_is_pointed_at(path: str, value: object, code: str) -> None:
    assert found(with_value(path, value)) == [(path, code)]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/webServiceURL", "http://127.0.0.1:8000/apple"),
        ("/webServiceURL", "http://localhost:8000/apple"),
        ("/webServiceURL", "http://[::1]/apple"),
        ("/webServiceURL", "https://passes.example/v1/apple"),
        ("/organizationName", "שלום 👩‍👩‍👧 \t\n \u2028"),
        ("/storeCard/backFields/0/attributedValue", 'or <a href="tel:1">call &lt;</a> us'),
        ("/locations", [{"latitude": -90, "longitude": 180.0, "relevantText": "Here"}] * 10),
        ("/expirationDate", "2027-05-07T10:30+02:00"),
        ("/posterGeneric", {"primaryFields": rows("a", "b"), "footerFields": rows("c")}),
    ],
)
def test_what_wallet_takes_is_let_through(path: str, value: object) -> None:
    assert found(with_value(path, value)) == []


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ({"latitude": 91, "longitude": 0}, "less_than_equal"),
        ({"latitude": "0", "longitude": 0}, "float_type"),
        ({"latitude": float("nan"), "longitude": 0}, "finite_number"),
        ({"latitude": 0, "longitude": 0, "distance": None}, "key_unknown"),
        ({"latitude": 0}, "key_missing"),
    ],
)
def test_a_place_off_the_map_is_never_moved_to_null_island(
    place: dict[str, object], code: str
) -> None:
    ((pointer, told),) = found(with_value("/locations", [place]))
    assert pointer.startswith("/locations/0/")
    assert told == code


def test_field_keys_are_unique_over_the_whole_pass() -> None:
    assert found(with_value("/storeCard/auxiliaryFields", rows("terms"))) == [
        ("/storeCard", "key_repeated")
    ]


def test_secondary_and_auxiliary_fields_share_one_row() -> None:
    document = with_value("/storeCard/auxiliaryFields", rows("a", "b"))
    document["storeCard"]["secondaryFields"] = rows("c", "d", "e")
    assert found(document) == [("/storeCard", "too_many")]


def test_a_code_that_only_ios_27_draws_needs_another_one() -> None:
    new = CODE | {"format": "PKBarcodeFormatEAN13"}
    assert found(with_value("/barcodes", [new])) == [("/barcodes", "barcode_undrawable")]
    assert found(with_value("/barcodes", [new, CODE])) == []


def test_the_legacy_code_takes_no_format_that_old_phones_refuse() -> None:
    newer = CODE | {"format": "PKBarcodeFormatCode128"}
    assert found(with_value("/barcode", newer)) == [("/barcode/format", "literal_error")]


def test_all_faults_are_told_at_once() -> None:
    document = with_value("/storeCard/headerFields/0/value", "\x00") | {
        "logoText": 1,
        "a/b~c": 1,
    }
    assert set(found(document)) == {
        ("/storeCard/headerFields/0/value", "text_invalid"),
        ("/logoText", "text_invalid"),
        ("/a~1b~0c", "key_unknown"),
    }


def test_no_fault_repeats_a_value() -> None:
    document = dict.fromkeys(SOUND, "Žofie Nováková")
    assert found(document)
    assert all("Žofie" not in fault.detail for fault in faults(document, ARTWORK))


# --- pictures -------------------------------------------------------------------------------------


def test_a_pass_without_icon_is_refused() -> None:
    rest = [piece for piece in ARTWORK if piece.name != "icon.png"]
    assert [f.code for f in faults(SOUND, rest)] == ["picture_missing"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "strip.png", "width": 374},
        {"name": "icon@2x.png", "height": 38},
        {"name": "logo.png", "width": 161, "height": 50},
        {"name": "logo.png", "width": 0, "height": 50},
        {"name": "thumbnail.png"},
        {"name": "../strip.png"},
    ],
)
def test_a_picture_of_another_name_or_size_is_refused(change: dict[str, Any]) -> None:
    (strip,) = (piece for piece in ARTWORK if piece.name == "strip.png")
    artwork = [piece for piece in ARTWORK if piece.name != change["name"]]
    told = faults(SOUND, [*artwork, replace(strip, **change)])
    assert [fault.code for fault in told] == ["picture_invalid"]


def test_a_picture_stands_there_once() -> None:
    assert [f.code for f in faults(SOUND, [*ARTWORK, ARTWORK[0]])] == ["picture_repeated"]


# --- overrides ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"logoText": ""},
        {"maxDistance": 150, "sharingProhibited": True},
        {"userInfo": {"a": [1, 2.5, None, True, {"b": "č"}]}},
        {"appLaunchURL": "lepcso://card", "associatedStoreIdentifiers": [123456789]},
        {"featuredActions": [{"identifier": "m", "type": "shop", "url": "https://x.example"}]},
        {"beacons": [{"proximityUUID": "f7826da6-4fa2-4e98-8024-bc5b71e0893e", "major": 65535}]},
    ],
)
def test_useful_overrides_are_let_through(overrides: dict[str, object]) -> None:
    assert check_overrides(overrides) == ()


@pytest.mark.parametrize(
    "key",
    [
        "authenticationToken",
        "backgroundColor",
        "barcode",
        "barcodes",
        "description",
        "formatVersion",
        "locations",
        "organizationName",
        "passTypeIdentifier",
        "serialNumber",
        "storeCard",
        "teamIdentifier",
        "voided",
        "webServiceURL",
    ],
)
def test_what_we_write_ourselves_cannot_be_overridden(key: str) -> None:
    (fault,) = check_overrides({key: SOUND.get(key)})
    assert (fault.pointer, fault.code) == (f"/{key}", "key_reserved")


@pytest.mark.parametrize(
    ("overrides", "pointer", "code"),
    [
        ({"logotext": "x"}, "/logotext", "key_unknown"),
        ({"relevantDates": []}, "/relevantDates", "key_refused"),
        ({"maxDistance": 0}, "/maxDistance", "greater_than"),
        ({"maxDistance": True}, "/maxDistance", "float_type"),
        ({"userInfo": []}, "/userInfo", "object_invalid"),
        ({"userInfo": {"a": float("nan")}}, "/userInfo", "object_invalid"),
        ({"userInfo": {"a": ["\ud800"]}}, "/userInfo", "object_invalid"),
        ({"semantics": {"\udfff": 1}}, "/semantics", "object_invalid"),
        ({"appLaunchURL": "x:y"}, "", "key_lonely"),
        ({"appLaunchURL": "javascript:alert(1)"}, "/appLaunchURL", "url_invalid"),
        ({"appLaunchURL": "DATA:text/html,x"}, "/appLaunchURL", "url_invalid"),
        ({"featuredActions": [{"identifier": "m", "type": "shop", "url": "file:///etc/passwd"}]},
         "/featuredActions/0/url", "url_invalid"),
        ({"featuredActions": [{"identifier": "m", "type": "place"}]}, "/featuredActions/0",
         "target_missing"),
        ({"beacons": [{"proximityUUID": "1"}]}, "/beacons/0/proximityUUID", "uuid_invalid"),
    ],
)  # fmt: skip
def test_a_faulty_override_is_pointed_at(
    overrides: dict[str, object], pointer: str, code: str
) -> None:
    assert [(f.pointer, f.code) for f in check_overrides(overrides)] == [(pointer, code)]


def test_bottomless_json_is_refused_not_followed() -> None:
    nested: dict[str, object] = {}
    for _ in range(900):
        nested = {"a": nested}
    assert [fault.code for fault in check_overrides({"userInfo": nested})] == ["object_invalid"]


def test_a_single_field_can_be_judged_alone() -> None:
    assert is_sound_field(FIELD)
    assert not is_sound_field(FIELD | {"value": "\x07"})
