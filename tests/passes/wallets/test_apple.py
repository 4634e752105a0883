"""A face becomes a package that openssl, unzip and our own strict checks accept."""

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import wallet.models
from hypothesis import given, settings

from certs import development
from certs.apple import AppleIdentity, load_identities
from certs.authority import load_authority
from passes.loyalty.face import PassFace
from passes.loyalty.facts import BarcodeDesign, Design
from passes.wallets import apple
from passes.wallets.apple_rules import faults
from tests.passes.wallets.apple_cards import (
    MENU,
    MERCHANT,
    PALETTE,
    face,
    faces,
    facts,
    pieces,
)

AREAS = ("headerFields", "primaryFields", "secondaryFields", "auxiliaryFields", "backFields")


@dataclass(frozen=True)
class Signer:
    identity: AppleIdentity
    root: Path


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    now = datetime.now(UTC)  # openssl verifies by the machine's clock
    files = development.mint(tmp_path_factory.mktemp("identity"), now)
    keyring = load_identities(files.certificates, load_authority(files.authority), None, now)
    assert keyring.only
    return Signer(keyring.only, files.root)


@pytest.fixture
def identity(signer: Signer) -> AppleIdentity:
    return signer.identity


def document(identity: AppleIdentity, card: PassFace, **changes: object) -> dict[str, Any]:
    return json.loads(apple.pass_json(card, facts(**changes), identity))


def every_field(doc: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (one for area in AREAS for one in doc["storeCard"].get(area, []))


def back(doc: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["key"]: one for one in doc["storeCard"]["backFields"]}


# --- the package ----------------------------------------------------------------------------------


def test_openssl_accepts_the_signature_against_the_root(signer: Signer, tmp_path: Path) -> None:
    package = apple.build(face(), facts(), signer.identity, pieces())
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        archive.extractall(tmp_path)
    command = ("openssl", "cms", "-verify", "-purpose", "any", "-inform", "DER", "-binary")
    files = ("-in", "signature", "-content", "manifest.json", "-CAfile", str(signer.root))
    done = subprocess.run((*command, *files), cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (tmp_path / "manifest.json").read_bytes()


def test_the_manifest_names_every_file_with_its_sha1(identity: AppleIdentity) -> None:
    with zipfile.ZipFile(io.BytesIO(apple.build(face(), facts(), identity, pieces()))) as archive:
        assert archive.testzip() is None
        contents = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(contents.pop("manifest.json"))
    contents.pop("signature")
    assert manifest == {
        name: hashlib.sha1(data, usedforsecurity=False).hexdigest()
        for name, data in contents.items()
    }
    assert {"pass.json", "icon.png", "logo@2x.png", "strip@3x.png"} <= manifest.keys()


def test_the_same_state_gives_the_same_manifest_whatever_the_order(
    identity: AppleIdentity,
) -> None:
    def manifest(overrides: dict[str, object], reverse: bool) -> bytes:
        artwork = sorted(pieces(), key=lambda piece: piece.name, reverse=reverse)
        package = apple.build(face(), facts(overrides=overrides), identity, artwork)
        return zipfile.ZipFile(io.BytesIO(package)).read("manifest.json")

    one = manifest({"sharingProhibited": True, "maxDistance": 200}, reverse=False)
    other = manifest({"maxDistance": 200, "sharingProhibited": True}, reverse=True)
    assert one == other
    assert one != manifest({"maxDistance": 201, "sharingProhibited": True}, reverse=False)


def test_a_stamp_changes_one_field_with_a_change_message(identity: AppleIdentity) -> None:
    before, after = (
        {one["key"]: one for one in every_field(document(identity, face(stamps)))}
        for stamps in (4, 5)
    )
    announced = [
        key for key in after if after[key] != before[key] and "changeMessage" in after[key]
    ]
    assert announced == ["stamps"]
    assert "%@" in after["stamps"]["changeMessage"]


@given(card=faces)
@settings(max_examples=80, deadline=None)
def test_any_face_gives_a_pass_that_passes_the_strict_checks(
    signer: Signer, card: PassFace
) -> None:
    package = apple.build(card, facts(), signer.identity, ARTWORK)
    written = zipfile.ZipFile(io.BytesIO(package)).read("pass.json")
    doc = json.loads(written)
    assert faults(doc, ARTWORK) == ()
    assert written == apple.pass_json(card, facts(), signer.identity)
    shown = {one["key"]: one["value"] for one in every_field(doc)}
    front = (*card.header, *card.primary, *card.secondary, *card.auxiliary)
    assert {one.key: one.value for one in front}.items() <= shown.items()
    assert doc["organizationName"] == card.organization_name


ARTWORK = pieces()


# --- pass.json ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["יעל כהן", "Žofie Nováková", "👩‍👩‍👧 Ő", "x" * 200, "<b>\"'&amp;</b>", "one\ntwo\\n"],
)
def test_names_survive_to_the_byte(identity: AppleIdentity, name: str) -> None:
    card = face(first_name=name)
    assert document(identity, card)["storeCard"]["auxiliaryFields"][0]["value"] == name
    escaped = json.dumps(name, ensure_ascii=False).encode()
    assert escaped in apple.pass_json(card, facts(), identity)


def test_colours_are_written_as_rgb(identity: AppleIdentity) -> None:
    doc = document(identity, face())
    assert doc["backgroundColor"] == "rgb(31, 58, 46)"
    assert doc["foregroundColor"] == "rgb(255, 255, 255)"
    assert doc["labelColor"] == "rgb(200, 220, 210)"


def test_another_code_is_followed_by_a_qr_code_for_phones_that_cannot_draw_it(
    identity: AppleIdentity,
) -> None:
    design = Design(PALETTE, barcode=BarcodeDesign("code128", "Card {{code}}"))
    doc = document(identity, face(design=design))
    formats = [code["format"] for code in doc["barcodes"]]
    assert formats == ["PKBarcodeFormatCode128", "PKBarcodeFormatQR"]
    assert doc["barcode"] == doc["barcodes"][1]
    assert doc["barcodes"][0]["altText"] == "Card 7K3QW9X2M4P6R8T0"


def test_a_qr_code_stands_there_once(identity: AppleIdentity) -> None:
    doc = document(identity, face())
    assert [code["format"] for code in doc["barcodes"]] == ["PKBarcodeFormatQR"]
    assert doc["barcode"] == doc["barcodes"][0]


def test_only_a_voided_card_says_so(identity: AppleIdentity) -> None:
    assert "voided" not in document(identity, face())
    assert document(identity, face(voided=True))["voided"] is True


def test_a_contact_is_one_row_that_can_be_tapped(identity: AppleIdentity) -> None:
    rows = back(document(identity, face()))
    phone = rows["phone"]
    assert phone["attributedValue"] == '<a href="tel:+3612345678">+36 1 234 5678</a>'
    assert (phone["label"], phone["value"]) == ("Phone", "+36 1 234 5678")
    assert "link.phone" not in rows


def test_links_and_the_card_itself_stand_on_the_back_escaped(identity: AppleIdentity) -> None:
    rows = back(document(identity, face(design=Design(PALETTE, links=(MENU,)))))
    anchor = '<a href="https://lepcso.example/menu?a=1&amp;b=2">Menu &amp; more</a>'
    assert rows["link.link1"]["attributedValue"] == anchor
    assert rows["link.link1"]["value"] == MENU.uri
    assert facts().card_url in unescape(rows["card"]["attributedValue"])


def test_numbers_in_our_own_explanation_are_no_phone_numbers(identity: AppleIdentity) -> None:
    rows = back(document(identity, face()))
    assert rows["how_it_works"]["dataDetectorTypes"] == []
    assert rows["address"]["dataDetectorTypes"] == ["PKDataDetectorTypeAddress"]
    assert "dataDetectorTypes" not in rows["terms"]


def test_the_name_stands_beside_the_logo_unless_the_logo_says_it(identity: AppleIdentity) -> None:
    assert document(identity, face())["logoText"] == MERCHANT.name
    assert "logoText" not in document(identity, face(), logo_says_name=True)


def test_secrets_do_not_show_in_a_representation() -> None:
    shown = repr(facts())
    assert facts().authentication_token not in shown
    assert facts().card_url not in shown


# --- overrides and refusals -----------------------------------------------------------------------


def test_a_templates_overrides_are_merged(identity: AppleIdentity) -> None:
    overrides = {"expirationDate": "2027-05-07T10:30+02:00", "logoText": "Lépcső"}
    package = apple.build(face(), facts(overrides=overrides), identity, pieces())
    doc = json.loads(zipfile.ZipFile(io.BytesIO(package)).read("pass.json"))
    assert overrides.items() <= doc.items()


def test_an_override_cannot_take_over_another_card(identity: AppleIdentity) -> None:
    with pytest.raises(apple.PassInvalid) as refusal:
        apple.build(face(), facts(overrides={"serialNumber": "x"}), identity, pieces())
    assert [(f.pointer, f.code) for f in refusal.value.faults] == [
        ("/serialNumber", "key_reserved")
    ]


def test_every_fault_is_told_before_anything_is_signed(identity: AppleIdentity) -> None:
    card = face(first_name="a\x00b", merchant=replace(MERCHANT, name="\ud800"))
    bad = facts(authentication_token="short", web_service_url="https://passes.example/apple/v1")
    with pytest.raises(apple.PassInvalid) as refusal:
        apple.build(card, bad, identity, ())
    assert {fault.pointer for fault in refusal.value.faults} == {
        "/authenticationToken",
        "/webServiceURL",
        "/organizationName",
        "/logoText",
        "/description",
        "/storeCard/auxiliaryFields/0/value",
        "/storeCard/backFields/6/attributedValue",
        "/icon.png",
    }
    assert refusal.value.code == "template_invalid"
    assert "short" not in str([fault.detail for fault in refusal.value.faults])


def test_fields_that_are_sound_alone_are_still_looked_at_together(identity: AppleIdentity) -> None:
    card = face(first_name="Ann")
    twice = replace(card, auxiliary=card.auxiliary * 2)
    with pytest.raises(apple.PassInvalid) as refusal:
        apple.build(twice, facts(), identity, pieces())
    assert [(f.pointer, f.code) for f in refusal.value.faults] == [("/storeCard", "key_repeated")]


# --- the faults of wallet-py3k --------------------------------------------------------------------


@pytest.fixture(scope="module")
def started() -> list[object]:
    """Every process that Python starts from now on."""
    processes: list[object] = []

    def note(event: str, args: tuple[object, ...]) -> None:
        if event == "subprocess.Popen":
            processes.append(args)

    sys.addaudithook(note)
    return processes


def test_where_the_library_starts_a_process_we_start_none(
    identity: AppleIdentity, started: list[object]
) -> None:
    original = wallet.models.Pass(wallet.models.StoreCard())
    with pytest.raises(Exception, match="no-such-chain"):
        original.create("no-such-certificate", "no-such-key", "no-such-chain", "")
    assert len(started) == 1
    apple.LoyaltyPass(face(), facts(), identity, pieces()).create(identity)
    assert len(started) == 1


def test_a_field_says_only_what_it_has_to_say() -> None:
    assert wallet.models.Field("k", "v").json_dict().keys() > {"label", "textAlignment"}
    assert apple.LoyaltyField("k", "", "").json_dict() == {"key": "k", "value": ""}


def test_changing_what_a_field_gave_does_not_change_the_field() -> None:
    field = apple.LoyaltyField("k", "Label", "v")
    field.json_dict()["value"] = "changed"
    assert field.json_dict()["value"] == "v"


def test_our_codes_are_qr_where_the_library_takes_pdf417(identity: AppleIdentity) -> None:
    assert wallet.models.Barcode("A").format == "PKBarcodeFormatPDF417"
    assert apple.LoyaltyBarcode(face().barcode).format == "PKBarcodeFormatQR"


def test_obsolete_and_misspelt_keys_of_the_library_are_not_written(
    identity: AppleIdentity,
) -> None:
    doc = document(identity, face(), overrides={"expirationDate": "2027-05-07T10:30Z"})
    assert doc["expirationDate"] == "2027-05-07T10:30Z"
    assert not doc.keys() & {"suppressStripShine", "exprirationDate", "locations", "relevantDate"}


def test_files_cannot_be_added_behind_the_checks(identity: AppleIdentity) -> None:
    card = apple.LoyaltyPass(face(), facts(), identity, pieces())
    with pytest.raises(TypeError, match="comes as pieces"):
        card.addFile("../../etc/passwd", io.BytesIO(b"x"))


def test_a_pass_made_twice_is_the_same_but_for_the_time_of_signing(
    identity: AppleIdentity,
) -> None:
    card = apple.LoyaltyPass(face(), facts(), identity, pieces())
    first, second = (zipfile.ZipFile(io.BytesIO(card.create(identity))) for _ in range(2))
    assert first.namelist() == second.namelist()
    assert first.read("manifest.json") == second.read("manifest.json")
    assert {info.date_time for info in first.infolist()} == {(1980, 1, 1, 0, 0, 0)}
