"""Whatever the API lets through becomes a pass that both wallets accept."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import from_json

from certs.apple import AppleIdentity, load_identities
from certs.authority import load_authority
from certs.development import DevelopmentFiles
from passes.errors import Invalid
from passes.loyalty.face import FIELD_AREAS, PassFace
from passes.loyalty.placeholders import PLACEHOLDERS
from passes.services import enrollment, merchants, programs, templates
from passes.services.cards import Card, card_by_id
from passes.services.drafts import MemberDraft, MerchantDraft, ProgramDraft, TemplateDraft
from passes.services.looks import LookBook
from passes.store.database import Database
from passes.store.tables import Member, Transaction
from passes.wallets import apple, apple_rules, google_rules
from passes.wallets.google import GoogleClassFacts, GoogleObjectFacts, class_json, object_json
from tests.passes.wallets.google_cards import HERO_URL, LOGO_URL
from tests.service import Clock

LOCALES = ["en", "hu", "cs", "he"]
NASTY = (
    "שלום, יעל \u202eabc",
    '<script>alert("x")</script> & <a href="javascript:alert(1)">x</a>',
    'it\'s "quoted" \\ %(num)d %@ \\u0000',
    "👩‍👩‍👧‍👦🇭🇺" * 5,
    "Žluťoučký kůň",
)


def texts(most: int, least: int = 1) -> st.SearchStrategy[str]:
    characters = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])
    anything = st.one_of(st.sampled_from(NASTY), st.text(characters, max_size=most))
    return anything.map(lambda text: text[:most].strip() or "x" * least)


def filled(most: int) -> st.SearchStrategy[str]:
    """Texts with placeholders."""
    named = st.sampled_from(sorted(PLACEHOLDERS)).map("{{{{ {} }}}}".format)
    parts = st.lists(st.one_of(named, texts(20).map(lambda text: text.replace("{", "("))))
    return parts.map(" ".join).filter(lambda text: len(text) <= most)


keys = st.sampled_from(["a", "b", "stamps", "reward", "member", "terms", "card", "phone", "x-1_Y"])
fields = st.fixed_dictionaries(
    {"key": keys, "label": filled(60), "value": filled(200)},
    optional={"change_message": st.just("Now %@")},
)
contacts = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["a@b.example", '"o\'x"&<b>@b.example']),
        "phone": st.just("+36 (1) 234-5678"),
        "website": texts(80).map("https://fern.example/{}".format),
        "address": texts(100),
    },
)
shops = st.fixed_dictionaries(
    {
        "name": texts(60),
        "slug": st.just("any"),
        "locale": st.sampled_from(LOCALES),
        "contact": contacts,
    }
)
links = st.fixed_dictionaries(
    {"uri": texts(60).map("https://fern.example/?{}".format), "description": texts(60)}
)
barcodes = st.fixed_dictionaries(
    {
        "format": st.sampled_from(["qr", "aztec", "pdf417", "code128"]),
        "alt_text": filled(60),
    }
)
looks = st.fixed_dictionaries(
    {
        "name": texts(60),
        "strip": st.fixed_dictionaries({"mode": st.sampled_from(["stamps", "image", "none"])}),
        "fields": st.dictionaries(
            st.sampled_from(FIELD_AREAS), st.lists(fields, max_size=3), max_size=3
        ),
        "barcode": barcodes,
        "links": st.lists(links, max_size=2),
    }
)
people = st.fixed_dictionaries(
    {
        "person": st.fixed_dictionaries({"first_name": texts(200, 0), "last_name": texts(200, 0)}),
        "locale": st.none() | st.sampled_from(LOCALES),
    }
)


@st.composite
def offers(draw: st.DrawFn) -> dict[str, Any]:
    size = draw(st.integers(1, 30))
    slots = draw(st.sets(st.integers(1, size), max_size=4))
    return {
        "name": draw(texts(60)),
        "slug": "any-program",
        "card_size": size,
        "milestones": [{"at": slot, "title": draw(texts(60))} for slot in slots],
        "unit_label": draw(texts(20, 0)),
        "terms": draw(texts(300, 0)),
    }


class TakenBack(Exception):
    """Ends each example without keeping its rows."""


@pytest.fixture(scope="module")
def store(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = tmp_path_factory.mktemp("cards") / "passmint.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture(scope="module")
def identity(identities: DevelopmentFiles) -> AppleIdentity:
    authority = load_authority(identities.authority)
    keyring = load_identities(identities.certificates, authority, None, Clock()())
    assert keyring.only is not None
    return keyring.only


def issue(
    store: Database,
    shop: dict[str, Any],
    look: dict[str, Any],
    offer: dict[str, Any],
    person: dict[str, Any],
    balances: tuple[int, ...],
) -> list[Card]:
    """The card of a member who joins, at each of the balances; no row is kept."""
    now = Clock()()
    cards: list[Card] = []
    try:
        with store.writing() as session:
            merchant = merchants.open_merchant(session, MerchantDraft.model_validate(shop), now)
            template = templates.add_template(
                session, merchant.id, TemplateDraft.model_validate(look), now
            )
            draft = ProgramDraft.model_validate(offer | {"template_id": template.id})
            program = programs.add_program(session, merchant.id, draft, "pass.example", now)
            programs.change_status(program, programs.ACTIVE)
            session.flush()
            joined = enrollment.enrol(session, program, MemberDraft.model_validate(person), now)
            for before, balance in zip((0, *balances), balances, strict=False):
                session.add(_line(joined.member, balance - before, balance, now))
                session.flush()
                cards.append(card_by_id(session, LookBook(), merchant.id, joined.card.id))
            _take_back()
    except TakenBack:
        pass
    return cards


def _take_back() -> None:
    raise TakenBack


def _line(member: Member, stamps: int, balance: int, now: datetime) -> Transaction:
    return Transaction(
        merchant_id=member.merchant_id,
        program_id=member.program_id,
        member_id=member.id,
        type="earn",
        stamps=stamps,
        balance_after=balance,
        created_at=now,
    )


def apple_document(card: Card, face: PassFace, identity: AppleIdentity) -> Any:
    facts = apple.PassFacts(
        serial_number=card.serial_number,
        authentication_token=card.authentication_token,
        web_service_url="https://cards.example/apple",
        card_url=f"https://cards.example/p/{card.page_token}",
        overrides=card.look.apple_overrides,
    )
    return from_json(apple.pass_json(face, facts, identity))


def google_class(card: Card) -> dict[str, object]:
    look = card.look
    return class_json(
        GoogleClassFacts(
            class_id="3388.prg_1",
            issuer_name=look.merchant.name,
            program_name=look.program.name,
            logo_url=LOGO_URL,
            background=look.design.palette.background,
            locale=look.locale,
            homepage=look.merchant.website,
            links=look.design.links,
        )
    )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shop=shops, look=looks, offer=offers(), person=people, balance=st.integers(0, 95))
def test_any_program_and_any_balance_is_accepted_by_both_wallets(
    store: Database,
    identity: AppleIdentity,
    shop: dict[str, Any],
    look: dict[str, Any],
    offer: dict[str, Any],
    person: dict[str, Any],
    balance: int,
) -> None:
    try:
        cards = issue(store, shop, look, offer, person, (balance, balance + 1))
    except (ValidationError, Invalid):
        assume(False)  # the API refuses it, with a pointer
    documents = []
    for card in cards:
        face = card.face()
        documents.append(apple_document(card, face, identity))
        found = apple_rules.faults(documents[-1], ())
        assert [fault for fault in found if fault.code != "picture_missing"] == []
        facts = GoogleObjectFacts("3388.pas_1", "3388.prg_1", HERO_URL)
        assert google_rules.faults("LoyaltyObject", object_json(face, facts)) == ()
    assert google_rules.faults("LoyaltyClass", google_class(cards[0])) == ()
    told = announced(*documents)
    assert len(told) <= 1
    if "header" not in look["fields"] and offer["card_size"] > 1:
        assert told == ["stamps"]


def announced(old: Any, new: Any) -> list[str]:
    """The fields whose change a wallet tells; of several it would tell none rightly."""
    before, after = (
        {field["key"]: field for area in document["storeCard"].values() for field in area}
        for document in (old, new)
    )
    return [
        key
        for key, field in after.items()
        if "changeMessage" in field and field["value"] != before[key]["value"]
    ]
