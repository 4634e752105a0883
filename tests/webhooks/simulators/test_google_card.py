"""What an Android reads from a pass, and the picture of it."""

import io
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from tests.webhooks.simulators.google_room import class_document, object_document, png
from webhooks.simulators.google_card import card_picture
from webhooks.simulators.google_face import Cell, Code, GoogleFace, face_of

LOGO = "https://cards.example/i/logo.png"
HERO = "https://cards.example/i/hero.png"
GREEN, RED, BLUE = (23, 69, 59), (200, 20, 20), (20, 20, 200)


def row(*paths: str) -> dict[str, Any]:
    items = ("startItem", "middleItem", "endItem")
    cells = [{"firstValue": {"fields": [{"fieldPath": path}]}} for path in paths]
    name = {1: "oneItem", 2: "twoItems", 3: "threeItems"}[len(paths)]
    return {name: {"item": cells[0]} if len(paths) == 1 else dict(zip(items, cells, strict=False))}


def template(*rows: Any) -> dict[str, Any]:
    return {"classTemplateInfo": {"cardTemplateOverride": {"cardRowTemplateInfos": list(rows)}}}


def picture(face: GoogleFace) -> Image.Image:
    found = {LOGO: png("#c81414", (60, 60)), HERO: png("#1414c8", (90, 30))}
    return Image.open(io.BytesIO(card_picture(face, found.get)))


def test_the_rows_are_those_of_the_template_without_paths_that_lead_nowhere() -> None:
    look = template(
        row("object.loyaltyPoints.balance", "object.accountName", "class.issuerName"),
        row("object.textModulesData['reward']"),
        row("object.textModulesData['tier']", "object.textModulesData['none']"),
    )
    texts = [{"id": "reward", "header": "Reward", "body": "A coffee"}, {"id": "tier", "body": ""}]
    document = object_document(accountName="Anna", textModulesData=texts)
    face = face_of(document, class_document(**look))
    assert face.rows == (
        (Cell("Stamps", "3/10"), Cell("", "Anna"), Cell("", "Fern & Bean")),
        (Cell("Reward", "A coffee"),),
    )


@pytest.mark.parametrize(
    ("balance", "shown"),
    [
        ({"string": "3/10"}, "3/10"),
        ({"int": 7}, "7"),
        ({"double": 1.5}, "1.5"),
        ({"money": {"micros": "12500000", "currencyCode": "EUR"}}, "12.50 EUR"),
    ],
)
def test_each_form_of_balance_is_shown_without_a_template_too(balance: Any, shown: str) -> None:
    points = {"label": "Points", "balance": balance}
    face = face_of(object_document(loyaltyPoints=points), class_document())
    assert face.rows == ((Cell("Points", shown),),)


def test_the_objects_own_picture_and_the_localized_texts_come_first() -> None:
    words = {"defaultValue": {"language": "cs", "value": "Kartička"}}
    face = face_of(
        object_document(heroImage={"sourceUri": {"uri": HERO}}),
        class_document(localizedProgramName=words, heroImage={"sourceUri": {"uri": LOGO}}),
    )
    assert (face.title, face.hero) == ("Kartička", HERO)


def test_a_code_without_a_value_is_the_accounts_id() -> None:
    document = object_document(accountId="A-7", barcode={"type": "AZTEC"})
    assert face_of(document, class_document()).code == Code("aztec", "A-7", "A-7")


def test_logo_colour_code_and_hero_are_on_the_picture() -> None:
    face = face_of(
        object_document(heroImage={"sourceUri": {"uri": HERO}}),
        class_document(programLogo={"sourceUri": {"uri": LOGO}}),
    )
    card = picture(face)
    assert card.width == 660
    flat = card.convert("RGB")
    assert flat.getpixel((5, 200)) == GREEN
    assert flat.getpixel((74, 66)) == RED
    assert flat.getpixel((330, card.height - 20)) == BLUE
    [code] = zxingcpp.read_barcodes(flat)
    assert code.text == "FB7K3M9QX"


def test_without_a_colour_the_card_takes_that_of_its_pictures() -> None:
    plain = {"hexBackgroundColor": None, "programLogo": {"sourceUri": {"uri": LOGO}}}
    card = picture(face_of(object_document(), class_document(**plain)))
    assert card.convert("RGB").getpixel((5, 300)) == RED


def test_codes_that_are_not_drawn_stand_there_as_text() -> None:
    for barcode in (
        {"type": "TEXT_ONLY", "value": "ABC"},
        {"type": "EAN_13", "value": "4006381333931"},
        {"type": "CODE_128", "value": "x" * 5_000},
    ):
        face = face_of(object_document(barcode=barcode), class_document())
        assert zxingcpp.read_barcodes(picture(face).convert("RGB")) == []
    assert picture(face_of(object_document(barcode=None), class_document())).height < 500


def test_a_hebrew_card_reads_from_the_right() -> None:
    logo = {"programLogo": {"sourceUri": {"uri": LOGO}}}
    face = face_of(object_document(), class_document(programName="כרטיס קפה", **logo))
    assert picture(face).convert("RGB").getpixel((660 - 74, 66)) == RED
