"""What a merchant is warned of before members see the card in Google Wallet."""

from dataclasses import replace

from passes.loyalty.facts import FaceLink
from passes.wallets.google_lint import lint
from tests.passes.wallets.google_cards import class_facts, face


def test_a_card_that_fits_gives_no_warning() -> None:
    assert lint(face(), class_facts()) == ()


def test_texts_google_cuts_are_named() -> None:
    card = face()
    card = replace(card, balance=replace(card.balance, label="Kávébélyeg", value="1000/1000"))
    found = lint(card, class_facts(program_name="p" * 21, issuer_name="i" * 21))

    assert [fault.pointer for fault in found] == [
        "/class/programName",
        "/class/issuerName",
        "/object/loyaltyPoints/label",
        "/object/loyaltyPoints/balance/string",
    ]
    assert {fault.code for fault in found} == {"google_cuts_text"}
    assert found[0].detail == "Google Wallet shows 20 of the 21 characters: shorten it."


def test_a_link_that_is_left_out_is_named() -> None:
    bare = FaceLink("menu", "lepcso.example", "Menu")
    found = lint(replace(face(), links=(bare,)), class_facts(links=(bare,)))

    assert [(fault.pointer, fault.code) for fault in found] == [
        ("/class/linksModuleData/uris", "google_leaves_out_link"),
        ("/object/linksModuleData/uris", "google_leaves_out_link"),
    ]
    assert "menu" in found[0].detail
