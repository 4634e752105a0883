"""What Google Wallet is told: classes, objects and save links from faces and facts."""

import base64
import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given, settings

from certs.development import mint_google
from certs.google import GoogleIdentity, load_google_identity
from passes.loyalty.face import FIELD_AREAS, PassFace
from passes.loyalty.facts import BarcodeDesign, Design, FaceLink, FieldDesign
from passes.wallets.google import (
    GoogleClassFacts,
    GoogleWalletError,
    Json,
    class_json,
    object_json,
    resource_id,
    save_link,
)
from passes.wallets.google_rules import faults
from tests.passes.wallets.google_cards import (
    CLASS_ID,
    HERO_URL,
    NOW,
    OBJECT_ID,
    PALETTE,
    any_class_facts,
    class_facts,
    face,
    faces,
    object_facts,
)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mint_google(tmp_path_factory.mktemp("google"))


@pytest.fixture(scope="module")
def identity(account: Path) -> GoogleIdentity:
    return load_google_identity(account, "3388000000022222222")


def module(document: Json, key: str) -> Json:
    return next(m for m in document["textModulesData"] if m["id"] == key)


def design(*back: FieldDesign) -> Design:
    return Design(PALETTE, fields={"back": back})


@settings(max_examples=60, deadline=None)
@given(faces)
def test_any_face_gives_an_object_that_google_accepts(any_face: PassFace) -> None:
    document = object_json(any_face, object_facts())

    assert faults("LoyaltyObject", document) == ()
    modules = document.get("textModulesData", [])
    assert len(modules) <= 10
    assert all(len(m["header"]) <= 35 and len(m["body"]) <= 500 for m in modules)
    assert json.loads(json.dumps(document, ensure_ascii=False).encode()) == document


@settings(max_examples=60, deadline=None)
@given(any_class_facts)
def test_any_facts_give_a_class_that_google_accepts(facts: GoogleClassFacts) -> None:
    assert faults("LoyaltyClass", class_json(facts)) == ()


def test_the_object_tells_how_far_the_member_is() -> None:
    document = object_json(face(stamps=3, first_name="Jana", last_name="Nová"), object_facts())

    assert document["id"] == OBJECT_ID
    assert document["classId"] == CLASS_ID
    assert document["state"] == "ACTIVE"
    assert document["accountName"] == "Jana Nová"
    assert document["loyaltyPoints"]["label"] == "Stamps"
    assert document["loyaltyPoints"]["balance"] == {"string": "3/10"}
    assert module(document, "reward")["header"] == "1 more until"
    assert module(document, "reward")["body"] == "A cookie"


def test_the_picture_of_the_stamps_is_told_in_words() -> None:
    image = object_json(face(stamps=3), object_facts())["heroImage"]

    assert image == {
        "sourceUri": {"uri": HERO_URL},
        "contentDescription": {"defaultValue": {"language": "en", "value": "3 of 10 stamps"}},
    }


def test_a_picture_that_shows_no_stamps_is_told_as_the_card() -> None:
    image = object_json(face(design=Design(PALETTE, strip_mode="image")), object_facts())

    spoken = image["heroImage"]["contentDescription"]["defaultValue"]["value"]
    assert spoken == "Coffee card by Kávézó Lépcső"


@pytest.mark.parametrize("locale", ["hu", "cs", "he"])
def test_the_members_language_marks_every_text(locale: str) -> None:
    document = object_json(face(locale=locale, first_name="Jana"), object_facts())

    languages = set(re.findall(r'"language": "(\w+)"', json.dumps(document)))
    assert languages == {locale}


@pytest.mark.parametrize(
    ("format_", "expected"),
    [("qr", "QR_CODE"), ("aztec", "AZTEC"), ("pdf417", "PDF_417"), ("code128", "CODE_128")],
)
def test_the_barcode_keeps_its_format(format_: str, expected: str) -> None:
    chosen = Design(PALETTE, barcode=BarcodeDesign(format_, "Show this"))
    assert object_json(face(design=chosen), object_facts())["barcode"] == {
        "type": expected,
        "value": "7K3QW9X2M4P6R8T0",
        "alternateText": "Show this",
        "renderEncoding": "UTF_8",
    }


def test_a_voided_pass_is_inactive() -> None:
    assert object_json(face(voided=True), object_facts())["state"] == "INACTIVE"


def test_a_member_without_a_name_and_a_picture_has_neither_key() -> None:
    document = object_json(face(), object_facts(hero_url=None))

    assert not {"accountName", "heroImage"} & document.keys()


def test_a_name_stays_one_line_and_whole() -> None:
    name = 'Ľubica\n"<b>"\x00 ' + "x" * 200
    document = object_json(face(first_name=name), object_facts())

    assert document["accountName"] == 'Ľubica "<b>" ' + "x" * 200


def test_long_texts_of_the_merchant_are_cut_between_words() -> None:
    long = FieldDesign("rules", "label " * 10, "word " * 200)
    rules = module(object_json(face(design=design(long)), object_facts()), "rules")

    assert rules["header"] == "label label label label label…"
    assert rules["body"] == ("word " * 100).strip() + "…"
    assert rules["localizedBody"] == {
        "defaultValue": {"language": "en", "value": rules["body"]},
    }


def test_a_design_without_the_reward_still_fills_the_cards_second_row() -> None:
    bare = Design(PALETTE, fields=dict.fromkeys(FIELD_AREAS, ()))

    assert [m["id"] for m in object_json(face(design=bare), object_facts())["textModulesData"]] == [
        "reward"
    ]


def test_the_eleventh_text_is_left_out() -> None:
    fields = [FieldDesign(f"f{n}", "Label", f"Text {n}") for n in range(12)]
    modules = object_json(face(design=design(*fields)), object_facts())["textModulesData"]

    assert [m["id"] for m in modules] == ["reward", *(f"f{n}" for n in range(9))]


def test_what_the_card_shows_elsewhere_is_not_repeated_as_text() -> None:
    document = object_json(face(first_name="Jana"), object_facts())

    assert [m["id"] for m in document["textModulesData"]] == ["reward", "how_it_works"]
    assert [link["uri"] for link in document["linksModuleData"]["uris"]] == [
        "tel:+3612345678",
        "mailto:hello@lepcso.example",
    ]


def test_a_link_that_cannot_be_tapped_does_not_sink_the_pass() -> None:
    links = (
        FaceLink("menu", "https://lepcso.example/menu", "Our menu for breakfast and lunch"),
        FaceLink("bare", "lepcso.example", "No scheme"),
        FaceLink("script", "javascript:alert(1)", "No"),
    )
    uris = class_json(class_facts(links=links))["linksModuleData"]["uris"]

    assert [(uri["uri"], uri["description"]) for uri in uris] == [
        ("https://lepcso.example/menu", "Our menu for…")
    ]


def test_the_class_asks_for_review_and_belongs_to_its_first_saver() -> None:
    document = class_json(class_facts(callback_url="https://passes.example/google/callback"))

    assert document["reviewStatus"] == "UNDER_REVIEW"
    assert document["multipleDevicesAndHoldersAllowedStatus"] == "ONE_USER_ALL_DEVICES"
    assert document["hexBackgroundColor"] == "#1f3a2e"
    assert document["callbackOptions"] == {"url": "https://passes.example/google/callback"}


def test_the_class_speaks_all_our_languages() -> None:
    label = class_json(class_facts(locale="hu"))["localizedAccountNameLabel"]

    assert label["defaultValue"]["language"] == "hu"
    assert {text["language"] for text in label["translatedValues"]} == {"en", "cs", "he"}


def test_every_card_row_finds_its_value_in_every_object() -> None:
    rows = class_json(class_facts())["classTemplateInfo"]["cardTemplateOverride"]
    paths = re.findall(r'"fieldPath": "object\.([^"]+)"', json.dumps(rows))
    document = object_json(face(), object_facts(hero_url=None))

    assert paths == ["loyaltyPoints.balance", "textModulesData['reward']"]
    assert document["loyaltyPoints"]["balance"]
    assert module(document, "reward")["body"]


def test_overrides_lie_on_top_and_replace_lists_whole() -> None:
    rows = [{"oneItem": {"item": {"firstValue": {"fields": [{"fieldPath": "object.accountId"}]}}}}]
    document = class_json(
        class_facts(
            overrides={
                "hexBackgroundColor": "#abc",
                "classTemplateInfo": {"cardTemplateOverride": {"cardRowTemplateInfos": rows}},
                "localizedAccountIdLabel": {"defaultValue": {"value": "No."}},
            }
        )
    )

    assert document["hexBackgroundColor"] == "#abc"
    assert document["classTemplateInfo"]["cardTemplateOverride"]["cardRowTemplateInfos"] == rows
    assert document["localizedAccountIdLabel"]["defaultValue"] == {"language": "en", "value": "No."}
    assert faults("LoyaltyClass", document) == ()


@pytest.mark.parametrize(
    ("issuer", "identifier"),
    [("3388", "a b"), ("3388", ""), ("abc", "x"), ("3388", "é"), ("3388", "x" * 60), ("1", "x\n")],
)
def test_an_id_google_would_refuse_is_refused(issuer: str, identifier: str) -> None:
    with pytest.raises(GoogleWalletError, match="numeric issuer id") as refused:
        resource_id(issuer, identifier)

    assert refused.value.code == "google_id_invalid"


def test_an_id_is_the_issuer_and_the_identifier() -> None:
    assert resource_id("3388", "pas_1-A.b") == "3388.pas_1-A.b"


def test_a_save_link_carries_two_ids_and_a_true_signature(
    identity: GoogleIdentity, account: Path
) -> None:
    link = save_link(identity, CLASS_ID, OBJECT_ID, now=NOW)
    header, claims, signature = (
        base64.urlsafe_b64decode(part + "==") for part in link.rpartition("/")[2].split(".")
    )

    assert link.startswith("https://pay.google.com/gp/v/save/")
    assert json.loads(header)["alg"] == "RS256"
    assert json.loads(claims) == {
        "iss": "passmint@passmint-development.iam.gserviceaccount.com",
        "aud": "google",
        "typ": "savetowallet",
        "iat": 1795348800,
        "origins": [],
        "payload": {"loyaltyObjects": [{"id": OBJECT_ID, "classId": CLASS_ID}]},
    }
    signed = link.rpartition("/")[2].rpartition(".")[0].encode()
    key = load_pem_private_key(json.loads(account.read_text())["private_key"].encode(), None)
    assert isinstance(key, RSAPrivateKey)
    key.public_key().verify(signature, signed, PKCS1v15(), SHA256())


def test_the_same_tap_gives_the_same_short_link(identity: GoogleIdentity) -> None:
    link = save_link(identity, CLASS_ID, OBJECT_ID, now=NOW, save_url="http://127.0.0.1:9/save/")

    assert link == save_link(
        identity, CLASS_ID, OBJECT_ID, now=NOW, save_url="http://127.0.0.1:9/save"
    )
    assert len(link) < 900


def test_the_longest_ids_still_fit_into_a_save_link(identity: GoogleIdentity) -> None:
    longest = resource_id("9" * 20, "x" * 43)

    assert len(save_link(identity, longest, longest, now=NOW)) <= 1800


def test_a_link_too_long_to_travel_is_refused(identity: GoogleIdentity) -> None:
    with pytest.raises(GoogleWalletError, match="1800") as refused:
        save_link(
            identity, CLASS_ID, OBJECT_ID, now=NOW, save_url="https://x.example/" + "a" * 1200
        )

    assert refused.value.code == "google_save_link_too_long"
