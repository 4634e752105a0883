"""What a phone says about a pass: nothing about a good one, the fault's name about a bad one."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.apple import AppleIdentity
from tests.webhooks.simulators.cards import (
    Files,
    Json,
    card,
    now,
    rewritten,
    signed_again,
    spoiled,
    unzipped,
    zipped,
)
from webhooks.simulators.pkpass import examine

Roots = tuple[x509.Certificate, ...]


def codes(pkpass: bytes, roots: Roots, **when: Any) -> set[str]:
    findings = examine(pkpass, roots, now() + timedelta(**when)).findings
    return {f"{one.code}({one.subject})" for one in findings}


def test_a_good_pass_is_taken_without_a_word(identity: AppleIdentity, roots: Roots) -> None:
    examined = examine(card(identity), roots, now())
    assert examined.findings == ()
    assert examined.package
    assert examined.package.serial_number == "CARD-1"
    assert examined.package.pass_type == identity.pass_type_identifier
    assert examined.package.web_service_url == "https://cards.example/apple"


def with_byte(content: bytes, place: int, byte: int) -> bytes:
    return content[:place] + bytes([byte]) + content[place + 1 :]


@pytest.fixture(scope="module")
def small(identity: AppleIdentity) -> Files:
    """The files of a good pass with no more pictures than it needs."""
    files = unzipped(card(identity))
    kept = {name: files[name] for name in ("pass.json", "icon.png")}
    return unzipped(signed_again(kept, identity))


def flip(name: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        content = bytearray(files[name])
        content[-20] ^= 1
        files[name] = bytes(content)

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (flip("strip.png"), "manifest_hash_mismatch(strip.png)"),
        (flip("pass.json"), "manifest_hash_mismatch(pass.json)"),
        (flip("signature"), "signature_invalid(signature)"),
        (flip("manifest.json"), "signature_digest_mismatch(manifest.json)"),
        (lambda files: files.pop("strip@2x.png"), "file_missing(strip@2x.png)"),
        (lambda files: files.pop("signature"), "file_missing(signature)"),
        (lambda files: files.pop("manifest.json"), "file_missing(manifest.json)"),
        (lambda files: files.pop("pass.json"), "file_missing(pass.json)"),
        (lambda files: files.update({"extra.png": b"x"}), "file_unlisted(extra.png)"),
        (lambda files: files.update({"signature": b"no DER"}), "signature_unreadable(signature)"),
        (lambda files: files.update({"../up": b"x"}), "zip_unreadable(pkpass)"),
    ],
)
def test_what_was_changed_after_signing_is_named(
    identity: AppleIdentity, roots: Roots, change: Callable[[Files], object], expected: str
) -> None:
    assert expected in codes(spoiled(card(identity), change), roots)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"teamIdentifier": "OTHERTEAM1"}, "team_mismatch(teamIdentifier)"),
        ({"passTypeIdentifier": "pass.other"}, "pass_type_mismatch(passTypeIdentifier)"),
        ({"serialNumber": ""}, "key_missing(serialNumber)"),
        ({"organizationName": None}, "key_missing(organizationName)"),
        ({"formatVersion": 2}, "format_version_wrong(formatVersion)"),
        ({"coupon": {}}, "style_not_one(pass.json)"),
        ({"storeCard": []}, "style_invalid(storeCard)"),
        ({"authenticationToken": "short"}, "token_short(authenticationToken)"),
        ({"webServiceURL": "http://x.example"}, "web_service_insecure(webServiceURL)"),
        ({"webServiceURL": "https://x.example/v1/"}, "web_service_versioned(webServiceURL)"),
        ({"backgroundColor": "#fff"}, "colour_invalid(backgroundColor)"),
        ({"backgroundColor": "rgb(1, 2, 256)"}, "colour_invalid(backgroundColor)"),
        ({"locations": [{"latitude": 91, "longitude": 0}]}, "location_invalid(locations/0)"),
        (
            {"locations": [{"latitude": 1, "longitude": 0}] * 11},
            "too_many_locations(locations)",
        ),
        ({"maxDistance": "near"}, "max_distance_invalid(maxDistance)"),
        ({"barcodes": [{"format": "PKBarcodeFormatQR"}]}, "barcode_invalid(barcodes/0)"),
        (
            {"barcodes": [{"format": "PKBarcodeFormatQR", "message": "ő"}]},
            "barcode_unencodable(barcodes/0)",
        ),
        (
            {"barcodes": [{"format": "PKBarcodeFormatEAN13", "message": "1"}]},
            "barcode_undrawable(barcodes)",
        ),
        ({"expirationDate": "2026-05-07T10:30:00.000Z"}, "date_invalid(expirationDate)"),
        ({"relevantDate": "2026-05-07T10:30Z"}, "card_expires_early(relevantDate)"),
        ({"voided": "true"}, "not_a_boolean(voided)"),
    ],
)
def test_a_rule_of_store_cards_that_is_broken_is_named(
    identity: AppleIdentity, roots: Roots, change: Json, expected: str
) -> None:
    bad = rewritten(card(identity), identity, lambda document: document.update(change))
    assert codes(bad, roots) == {expected}


@pytest.mark.parametrize(
    ("areas", "expected"),
    [
        (
            {"headerFields": [{"key": "a", "value": 1}] * 2},
            {"field_key_repeated(a)"},
        ),
        (
            {"secondaryFields": [{"key": f"s{n}", "value": n} for n in range(5)]},
            {"too_many_fields(auxiliaryFields)"},
        ),
        ({"headerFields": [{"key": "a", "value": None}]}, {"field_value_missing(a)"}),
        ({"headerFields": [{"value": "x"}]}, {"field_key_missing(None)"}),
        (
            {"headerFields": [{"key": "a", "value": 1, "changeMessage": "New"}]},
            {"change_message_empty(a)"},
        ),
        (
            {
                "headerFields": [{"key": "a", "value": 1, "changeMessage": "%@"}],
                "backFields": [{"key": "b", "value": 1, "changeMessage": "%@"}],
            },
            {"several_change_messages(a, b)"},
        ),
    ],
)
def test_fields_are_checked_over_the_whole_card(
    identity: AppleIdentity, roots: Roots, areas: Json, expected: set[str]
) -> None:
    bad = rewritten(card(identity), identity, lambda document: document.update(storeCard=areas))
    assert codes(bad, roots) == expected


def test_a_pass_without_icon_or_with_a_false_picture_is_refused(
    identity: AppleIdentity, roots: Roots
) -> None:
    files = {n: c for n, c in unzipped(card(identity)).items() if not n.startswith("icon")}
    assert codes(signed_again(files, identity), roots) == {"icon_missing(icon.png)"}
    files["icon.png"] = b"GIF89a"
    assert codes(signed_again(files, identity), roots) == {"picture_unreadable(icon.png)"}
    files["icon.png"] = files["strip.png"]
    assert codes(signed_again(files, identity), roots) == {"picture_too_large(icon.png)"}


def test_a_pass_from_an_authority_the_phone_does_not_know_is_refused(
    stranger: AppleIdentity, roots: Roots
) -> None:
    assert codes(card(stranger), roots) == {"chain_untrusted(signature)"}


def test_a_pass_of_an_expired_certificate_is_refused(identity: AppleIdentity, roots: Roots) -> None:
    assert codes(card(identity), roots, days=400) == {"certificate_expired(signature)"}


def test_a_pass_signed_in_the_future_is_refused(identity: AppleIdentity, roots: Roots) -> None:
    found = codes(card(identity), roots, minutes=-30)
    assert found == {"signing_time_ahead(signature)"}


def test_every_fault_of_a_pass_is_told_at_once(identity: AppleIdentity, roots: Roots) -> None:
    def ruin(files: Files) -> None:
        document = json.loads(files["pass.json"])
        document["description"] = ""
        files["pass.json"] = json.dumps(document).encode()
        del files["icon.png"]

    assert codes(spoiled(card(identity), ruin), roots) == {
        "manifest_hash_mismatch(pass.json)",
        "file_missing(icon.png)",
        "key_missing(description)",
    }


@settings(max_examples=60, deadline=None)
@given(data=st.data(), name=st.sampled_from(["manifest.json", "pass.json"]))
def test_no_changed_byte_stays_unnoticed(
    small: Files, roots: Roots, name: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(small[name]) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda one: one != small[name][place]))
    changed = small | {name: with_byte(small[name], place, byte)}
    assert examine(zipped(changed), roots, now()).objections


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0), byte=st.integers(0, 255))
def test_no_signature_can_hurt_a_phone(small: Files, roots: Roots, place: int, byte: int) -> None:
    signature = with_byte(small["signature"], place % len(small["signature"]), byte)
    assert examine(zipped(small | {"signature": signature}), roots, now()).package


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300))
def test_what_is_no_zip_is_told_so(roots: Roots, junk: bytes) -> None:
    assert codes(junk, roots) == {"zip_unreadable(pkpass)"}
