"""Cards to render for Apple: one plain example, and any that our API lets through."""

from dataclasses import replace

from hypothesis import strategies as st
from PIL import Image

from branding.artwork import apple_pieces
from branding.brand import Art, Brand
from branding.colour import Colour
from branding.palette import Palette
from branding.piece import Piece, encode
from passes.loyalty.face import PassFace, compute_face
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
from passes.wallets.apple import PassFacts
from tests.passes.wallets.any_cards import barcodes, members, rules

PALETTE = Palette(Colour(31, 58, 46), Colour(255, 255, 255), Colour(200, 220, 210))
MERCHANT = MerchantFacts(
    "Kávézó Lépcső", "hello@lepcso.example", "+36 1 234 5678", "https://lepcso.example", "Fő u. 1"
)
PROGRAM = ProgramFacts(
    "Coffee card", StampRules(10, (Milestone(4, "A cookie"), Milestone(10, "A free coffee"))), "No."
)
MENU = FaceLink("link1", "https://lepcso.example/menu?a=1&b=2", "Menu & more")
FACTS = PassFacts(
    serial_number="4Qm1bC7dE9fG2hJ4kL6mN8",
    authentication_token="f3Kq9xW2mZ7pR4tY8vB1nC6dG5hJ0sLa",
    web_service_url="https://passes.example/apple",
    card_url="https://passes.example/p/1aB2cD3eF4gH5iJ6kL7mN8",
)


def face(
    stamps: int = 3,
    design: Design | None = None,
    merchant: MerchantFacts = MERCHANT,
    locale: str = "en",
    **member: str | bool,
) -> PassFace:
    """The face of a member of the coffee card."""
    facts = MemberFacts(code="7K3QW9X2M4P6R8T0", stamps=stamps, **member)
    return compute_face(merchant, PROGRAM, design or Design(PALETTE), facts, locale)


def facts(**changes: object) -> PassFacts:
    return replace(FACTS, **changes)


def pieces(card: PassFace | None = None) -> tuple[Piece, ...]:
    """Icon, logo and strip in all sizes."""
    logo = Art.of(encode(Image.new("RGB", (480, 150), "orange")))
    brand = Brand(MERCHANT.name, PALETTE.background, PALETTE.foreground, PALETTE.label, logo=logo)
    return apple_pieces(brand, (card or face()).stamp_card)


# All of Unicode but what the API refuses: control characters and halves of surrogate pairs.
_characters = st.characters(exclude_categories=["Cc", "Cs"])
texts = st.one_of(
    st.sampled_from(
        (
            "שלום, יעל \u202eabc",
            '<script>alert("x")</script> & <a href="javascript:alert(1)">x</a>',
            'it\'s "quoted" \\ and {{stamps}} %(num)d \\u0000',
            "👩‍👩‍👧‍👦🇭🇺🏴󠁧󠁢󠁥󠁮󠁧󠁿" * 20,
            "e\u0301" * 100,
        )
    ),
    st.text(_characters, max_size=40),
)
paragraphs = texts | st.text(_characters | st.just("\n"), max_size=300)
names = texts.filter(bool)
_uris = st.sampled_from(
    (
        "https://x.example/?a=\"b\"&c='d'<e>",
        "tel:+3612345678",
        "geo:47.5,19.0",
        "mailto:a@b.example",
    )
)
_links = st.lists(st.tuples(_uris, names), max_size=4).map(
    lambda pairs: tuple(FaceLink(f"link{n}", uri, text) for n, (uri, text) in enumerate(pairs, 1))
)


@st.composite
def _fields(draw: st.DrawFn) -> dict[str, tuple[FieldDesign, ...]]:
    most = {"header": 3, "primary": 1, "secondary": 2, "auxiliary": 2, "back": 6}
    areas = draw(st.sets(st.sampled_from(sorted(most))))
    return {
        area: tuple(
            FieldDesign(
                f"{area}_{number}",
                draw(texts),
                draw(paragraphs),
                draw(st.none() | texts.map(lambda text: text + "%@")),
            )
            for number in range(draw(st.integers(0, most[area])))
        )
        for area in areas
    }


_channels = [st.integers(0, 255)] * 3
faces = st.builds(
    compute_face,
    merchant=st.builds(
        MerchantFacts,
        name=names,
        email=st.none() | st.just("a'b@c.example"),
        phone=st.none() | st.just("+36 (1) 234"),
        website=st.none() | _uris,
        address=st.none() | paragraphs,
    ),
    program=st.builds(ProgramFacts, names, rules(names), terms=paragraphs, unit_label=texts),
    design=st.builds(
        Design,
        palette=st.builds(Palette, *[st.builds(Colour, *_channels)] * 3),
        strip_mode=st.sampled_from(["stamps", "image", "none"]),
        fields=_fields(),
        barcode=barcodes(texts),
        links=_links,
    ),
    member=members(texts),
    locale=st.sampled_from(LOCALES),
)
