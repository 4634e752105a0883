"""What a card shows, in the four languages, before any wallet spells it."""

import pytest

from branding.brand import StampCard
from branding.colour import Colour
from branding.palette import Palette
from passes.loyalty.face import FIELD_AREAS, FaceField, PassFace, compute_face
from passes.loyalty.facts import (
    BarcodeDesign,
    Design,
    FaceLink,
    FieldDesign,
    MemberFacts,
    MerchantFacts,
    ProgramFacts,
)
from passes.loyalty.stamps import Milestone, StampRules
from passes.loyalty.wording import LOCALES

PALETTE = Palette(Colour(31, 58, 46), Colour(255, 255, 255), Colour(200, 220, 210))
MERCHANT = MerchantFacts("Fern & Bean", "hi@fern.example", "+36 1 234 5678")
PROGRAM = ProgramFacts(
    "Coffee card", StampRules(10, (Milestone(4, "Cookie"), Milestone(10, "Coffee"))), "Be kind."
)


def show(
    stamps: int = 3,
    locale: str = "en",
    program: ProgramFacts = PROGRAM,
    design: Design | None = None,
    merchant: MerchantFacts = MERCHANT,
    **member: str | bool,
) -> PassFace:
    facts = MemberFacts("CODE", stamps, **member)  # type: ignore[arg-type]
    return compute_face(merchant, program, design or Design(PALETTE), facts, locale)


def everything(face: PassFace) -> dict[str, FaceField]:
    return {field.key: field for area in FIELD_AREAS for field in getattr(face, area)}


@pytest.mark.parametrize(
    ("stamps", "balance", "label", "reward"),
    [
        (0, "0/10", "4 more until", "Cookie"),
        (3, "3/10", "1 more until", "Cookie"),
        (4, "4/10", "Your reward is ready", "Cookie"),
        (5, "5/10", "5 more until", "Coffee"),
        (10, "10/10", "Your reward is ready", "Coffee"),
        (11, "1/10", "3 more until", "Cookie"),
    ],
)
def test_the_card_tells_balance_and_next_reward(
    stamps: int, balance: str, label: str, reward: str
) -> None:
    face = show(stamps)
    assert (face.header[0].key, face.header[0].value) == ("stamps", balance)
    assert (face.secondary[0].label, face.secondary[0].value) == (label, reward)


def test_a_full_card_without_rewards_says_so() -> None:
    face = show(10, program=ProgramFacts("Card", StampRules(10)))
    assert face.reward.value == "Your card is full"


def test_only_the_balance_announces_itself() -> None:
    announcing = {f.key: f.change_message for f in everything(show()).values() if f.change_message}
    assert announcing == {"stamps": "Your card now shows %@"}


@pytest.mark.parametrize("locale", LOCALES)
def test_each_language_has_words_of_its_own(locale: str) -> None:
    face = show(5, locale)
    assert face.rtl == (locale == "he")
    assert face.locale == locale
    ours = {field.label for field in everything(face).values()}
    english = {field.label for field in everything(show(5)).values()}
    if locale != "en":
        assert ours & english <= {"E-mail"}
    assert "Coffee card" in face.description
    assert "Fern & Bean" in face.description
    assert str(5) in face.reward.label
    assert "%@" in (face.balance.change_message or "")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("remaining", [1, 2, 3, 5, 10, 20])
def test_every_plural_form_holds_the_number(locale: str, remaining: int) -> None:
    program = ProgramFacts("Card", StampRules(30, (Milestone(30, "Tea"),)))
    face = show(30 - remaining, locale, program)
    assert "%(" not in face.reward.label
    # Hebrew says "one" and "two" in words.
    assert str(remaining) in face.reward.label or (locale == "he" and remaining < 3)


def test_a_merchants_fields_replace_an_area_and_only_that() -> None:
    design = Design(
        PALETTE,
        fields={
            "header": (FieldDesign("mine", "{{program_name}}", "{{stamps}}★", "Now %@"),),
            "back": (),
        },
        barcode=BarcodeDesign("aztec", "{{first_name}}: {{code}}"),
        links=(FaceLink("menu", "https://fern.example/menu", "Menu"),),
    )
    face = show(3, design=design, first_name="Anna", last_name="Nagy")
    assert face.header == (FaceField("mine", "Coffee card", "3★", "Now %@"),)
    assert face.back == ()
    assert face.secondary == show(3).secondary
    assert face.auxiliary[0].value == face.member_name == "Anna Nagy"
    assert (face.barcode.format, face.barcode.alt_text) == ("aztec", "Anna: CODE")
    assert face.links[-1].key == "menu"


def test_a_member_without_name_and_a_merchant_without_contact_leave_no_empty_rows() -> None:
    face = show(merchant=MerchantFacts("Fern"), program=ProgramFacts("Card", StampRules(3)))
    assert all(field.value for field in everything(face).values())
    assert face.auxiliary == ()
    assert face.links == ()
    assert [field.key for field in face.back] == ["how_it_works"]


def test_the_back_explains_contacts_and_terms() -> None:
    back = {field.key: field.value for field in show().back}
    assert back["how_it_works"] == (
        "Collect stamps: the card has 10 slots.\nStamp 4: Cookie\nStamp 10: Coffee"
    )
    assert (back["phone"], back["email"], back["terms"]) == (
        "+36 1 234 5678",
        "hi@fern.example",
        "Be kind.",
    )
    links = {link.key: link.uri for link in show().links}
    assert links == {"phone": "tel:+3612345678", "email": "mailto:hi@fern.example"}


def test_a_unit_of_ones_own_names_the_balance() -> None:
    program = ProgramFacts("Card", StampRules(10), unit_label="Beans")
    assert show(program=program).balance.label == "Beans"


@pytest.mark.parametrize("mode", ["stamps", "image", "none"])
def test_the_strip_decides_where_the_reward_stands(mode: str) -> None:
    face = show(4, design=Design(PALETTE, mode))
    drawn = StampCard(10, 4, frozenset({4, 10}), ready=True)
    if mode == "stamps":
        assert (face.primary, face.secondary[0].key) == ((), "reward")
        assert face.stamp_card == drawn
    else:
        assert (face.primary[0].key, face.secondary) == ("reward", ())
        assert face.stamp_card is None


def test_a_voided_card_says_so_and_names_stay_as_they_are() -> None:
    face = show(voided=True, first_name="Anna {{code}} %(num)d", last_name="")
    assert face.voided
    assert face.member_name == "Anna {{code}} %(num)d"
