"""Cards to render for Google: one plain example, and any that hypothesis thinks of."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from branding.colour import Colour
from branding.palette import Palette
from passes.loyalty.face import FIELD_AREAS, PassFace, compute_face
from passes.loyalty.facts import (
    Design,
    FaceLink,
    FieldDesign,
    MemberFacts,
    MerchantFacts,
    ProgramFacts,
)
from passes.loyalty.stamps import Milestone, StampRules
from passes.loyalty.wording import LOCALES
from passes.wallets.google import GoogleClassFacts, GoogleObjectFacts
from tests.passes.wallets.any_cards import barcodes, members, rules

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CLASS_ID = "3388000000022222222.prg_4Qm1bC7dE9fG2hJ4kL6mN8"
OBJECT_ID = "3388000000022222222.pas_1aB2cD3eF4gH5iJ6kL7mN8"
LOGO_URL = f"https://passes.example/i/{'a' * 64}.png"
HERO_URL = f"https://passes.example/i/{'b' * 64}.png"
PALETTE = Palette(Colour(31, 58, 46), Colour(255, 255, 255), Colour(200, 220, 210))
MERCHANT = MerchantFacts("Kávézó Lépcső", "hello@lepcso.example", "+36 1 234 5678")
PROGRAM = ProgramFacts(
    "Coffee card", StampRules(10, (Milestone(4, "A cookie"), Milestone(10, "A free coffee")))
)

NASTY_TEXTS = (
    "שלום, יעל \u202eabc",
    "Žluťoučký kůň\r\nskočil",
    '<script>alert("x")</script>',
    'it\'s "quoted" \\ and {{stamps}} %(num)d',
    "👩‍👩‍👧‍👦🇭🇺🏴󠁧󠁢󠁥󠁮󠁧󠁿" * 20,
    "e\u0301" * 120,
    "\x00\x1b[31m\x85\u2028",
)


def face(
    stamps: int = 3,
    locale: str = "en",
    design: Design | None = None,
    merchant: MerchantFacts = MERCHANT,
    **member: str | bool,
) -> PassFace:
    """The face of a member of the coffee card."""
    facts = MemberFacts(code="7K3QW9X2M4P6R8T0", stamps=stamps, **member)
    return compute_face(merchant, PROGRAM, design or Design(PALETTE), facts, locale)


def class_facts(**changes: object) -> GoogleClassFacts:
    facts: dict[str, object] = {
        "class_id": CLASS_ID,
        "issuer_name": MERCHANT.name,
        "program_name": PROGRAM.name,
        "logo_url": LOGO_URL,
        "background": PALETTE.background,
        "locale": "en",
    }
    return GoogleClassFacts(**(facts | changes))


def object_facts(**changes: object) -> GoogleObjectFacts:
    facts: dict[str, object] = {"object_id": OBJECT_ID, "class_id": CLASS_ID, "hero_url": HERO_URL}
    return GoogleObjectFacts(**(facts | changes))


texts = st.one_of(
    st.sampled_from(NASTY_TEXTS), st.text(max_size=40), st.text("añאš🎁 \n", max_size=700)
)
names = texts.filter(lambda text: text.strip())
links = st.builds(
    FaceLink,
    key=st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True),
    uri=st.one_of(
        texts, st.sampled_from(["https://x.example/a?b=c", "geo:47.5,19.0", "javascript:alert(1)"])
    ),
    description=texts,
)
_field_designs = st.builds(
    FieldDesign, key=st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True), label=texts, value=texts
)


faces = st.builds(
    compute_face,
    merchant=st.builds(
        MerchantFacts, names, *(st.none() | texts for _ in ("email", "phone", "website", "address"))
    ),
    program=st.builds(ProgramFacts, names, rules(names), terms=texts, unit_label=texts),
    design=st.builds(
        Design,
        palette=st.just(PALETTE),
        strip_mode=st.sampled_from(["stamps", "image", "none"]),
        fields=st.dictionaries(
            st.sampled_from(FIELD_AREAS), st.lists(_field_designs, max_size=8).map(tuple)
        ),
        barcode=barcodes(texts),
        links=st.lists(links, max_size=3).map(tuple),
    ),
    member=members(texts),
    locale=st.sampled_from(LOCALES),
)
any_class_facts = st.builds(
    GoogleClassFacts,
    class_id=st.just(CLASS_ID),
    issuer_name=names,
    program_name=names,
    logo_url=st.just(LOGO_URL),
    background=st.builds(Colour, *[st.integers(0, 255)] * 3),
    locale=st.sampled_from(LOCALES),
    hero_url=st.none() | st.just(HERO_URL),
    homepage=st.none() | texts | st.just("https://lepcso.example"),
    links=st.lists(links, max_size=3).map(tuple),
    country=st.none() | st.just("HU"),
    callback_url=st.none() | st.just("https://passes.example/google/callback"),
)
