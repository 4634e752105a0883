"""What a pass shows, before any wallet: program + balance + brand + locale → `PassFace`.

Both renderings, the browser card and the preview read the same face; nothing here knows how a
wallet spells it. Not for: what it is computed from (facts), counting (stamps), drawing (branding),
ids and secrets (wallets).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from babel.support import NullTranslations

from branding.brand import StampCard
from branding.palette import Palette
from passes.loyalty.facts import Design, FaceLink, MemberFacts, MerchantFacts, ProgramFacts
from passes.loyalty.placeholders import fill
from passes.loyalty.places import PlaceDesign, widest_distance
from passes.loyalty.stamps import Progress, StampRules, progress
from passes.loyalty.wording import is_rtl, wording

FIELD_AREAS = ("header", "primary", "secondary", "auxiliary", "back")


@dataclass(frozen=True, slots=True)
class FaceField:
    """One labelled value; `change_message` (with one `%@`) is shown when the value changes."""

    key: str
    label: str
    value: str
    change_message: str | None = None


@dataclass(frozen=True, slots=True)
class FaceBarcode:
    """`format` is qr, aztec, pdf417 or code128; the message is ASCII."""

    format: str
    message: str
    alt_text: str


@dataclass(frozen=True, slots=True)
class FacePlace:
    """A shop near which the card comes up, and what it says there."""

    latitude: float
    longitude: float
    text: str


@dataclass(frozen=True, slots=True)
class PassFace:
    """Everything a member sees, in one language; `balance` and `reward` also stand in an area.

    Beyond `max_distance_m` of its places the card keeps quiet; None leaves it to the wallet.
    """

    locale: str
    rtl: bool
    organization_name: str
    program_name: str
    description: str
    member_name: str
    palette: Palette
    header: tuple[FaceField, ...]
    primary: tuple[FaceField, ...]
    secondary: tuple[FaceField, ...]
    auxiliary: tuple[FaceField, ...]
    back: tuple[FaceField, ...]
    balance: FaceField
    reward: FaceField
    links: tuple[FaceLink, ...]
    barcode: FaceBarcode
    progress: Progress
    stamp_card: StampCard | None
    voided: bool
    places: tuple[FacePlace, ...]
    max_distance_m: int | None


def compute_face(
    merchant: MerchantFacts,
    program: ProgramFacts,
    design: Design,
    member: MemberFacts,
    locale: str,
    places: Sequence[PlaceDesign] = (),
) -> PassFace:
    """The face of one member's card in one of the locales we speak. Pure and deterministic."""
    words = wording(locale)
    standing = progress(program.rules, member.stamps)
    values = _placeholder_values(merchant, program, member, standing)
    own = _own_fields(words, merchant, program, design, member, standing)
    areas = {area: _area(design, area, own, values) for area in FIELD_AREAS}
    reward = _reward(words, standing)
    shops = () if member.voided else places  # a void card has no business at a shop
    return PassFace(
        locale=locale,
        rtl=is_rtl(locale),
        organization_name=merchant.name,
        program_name=program.name,
        description=_description(words, merchant, program),
        member_name=member.full_name,
        palette=design.palette,
        **areas,
        balance=_balance(words, program, standing),
        reward=reward,
        links=_contact_links(words, merchant) + design.links,
        barcode=FaceBarcode(
            design.barcode.format, member.code, fill(design.barcode.alt_text, values) or member.code
        ),
        progress=standing,
        stamp_card=_stamp_card(program.rules, standing, design),
        voided=member.voided,
        places=tuple(_place(one, locale, values, reward) for one in shops),
        max_distance_m=widest_distance(shops),
    )


def texts_near(
    merchant: MerchantFacts,
    program: ProgramFacts,
    member: MemberFacts,
    locale: str,
    places: Sequence[PlaceDesign],
) -> tuple[str, ...]:
    """What a member's card says near each of these places."""
    standing = progress(program.rules, member.stamps)
    values = _placeholder_values(merchant, program, member, standing)
    reward = _reward(wording(locale), standing)
    return tuple(_place(one, locale, values, reward).text for one in places)


def _place(
    place: PlaceDesign, locale: str, values: Mapping[str, str], reward: FaceField
) -> FacePlace:
    """Said in the member's language: by the merchant, or else in our own words."""
    text = fill(place.texts.get(locale, ""), values).strip() or f"{reward.label}: {reward.value}"
    return FacePlace(place.latitude, place.longitude, text)


def _area(
    design: Design, area: str, own: Mapping[str, tuple[FaceField, ...]], values: Mapping[str, str]
) -> tuple[FaceField, ...]:
    if area not in design.fields:
        return own[area]
    return tuple(
        FaceField(f.key, fill(f.label, values), fill(f.value, values), f.change_message)
        for f in design.fields[area]
    )


def _own_fields(
    words: NullTranslations,
    merchant: MerchantFacts,
    program: ProgramFacts,
    design: Design,
    member: MemberFacts,
    standing: Progress,
) -> dict[str, tuple[FaceField, ...]]:
    reward = _reward(words, standing)
    name = FaceField("member", words.gettext("Member"), member.full_name)
    return {
        "header": (_balance(words, program, standing),),
        # Over a drawn grid a big value would hide the stamps.
        "primary": () if design.strip_mode == "stamps" else (reward,),
        "secondary": (reward,) if design.strip_mode == "stamps" else (),
        "auxiliary": (name,) if member.full_name else (),
        "back": _back_fields(words, merchant, program),
    }


def _balance(words: NullTranslations, program: ProgramFacts, standing: Progress) -> FaceField:
    """The one field a stamp announces: wallets show a change message per changed field."""
    return FaceField(
        key="stamps",
        label=program.unit_label or words.gettext("Stamps"),
        value=f"{standing.position}/{standing.card_size}",
        change_message=words.gettext("Your card now shows %@"),
    )


def _reward(words: NullTranslations, standing: Progress) -> FaceField:
    if standing.ready:
        titles = ", ".join(milestone.title for milestone in standing.ready)
        return FaceField("reward", words.gettext("Your reward is ready"), titles)
    if standing.upcoming is None and standing.remaining == 0:
        return FaceField("reward", words.gettext("Thank you"), words.gettext("Your card is full"))
    label = words.ngettext("%(num)d more until", "%(num)d more until", standing.remaining)
    title = standing.upcoming.title if standing.upcoming else words.gettext("the card is full")
    return FaceField("reward", label % {"num": standing.remaining}, title)


def _back_fields(
    words: NullTranslations, merchant: MerchantFacts, program: ProgramFacts
) -> tuple[FaceField, ...]:
    rows = (
        ("how_it_works", words.gettext("How it works"), _how_it_works(words, program.rules)),
        ("phone", words.gettext("Phone"), merchant.phone),
        ("email", words.gettext("E-mail"), merchant.email),
        ("website", words.gettext("Website"), merchant.website),
        ("address", words.gettext("Address"), merchant.address),
        ("terms", words.gettext("Terms"), program.terms),
    )
    return tuple(FaceField(key, label, value) for key, label, value in rows if value)


def _how_it_works(words: NullTranslations, rules: StampRules) -> str:
    opening = words.ngettext(
        "Collect stamps: the card has %(num)d slot.",
        "Collect stamps: the card has %(num)d slots.",
        rules.card_size,
    ) % {"num": rules.card_size}
    rewards = [
        words.gettext("Stamp %(num)d: %(reward)s") % {"num": m.at, "reward": m.title}
        for m in rules.milestones
    ]
    return "\n".join([opening, *rewards])


def _contact_links(words: NullTranslations, merchant: MerchantFacts) -> tuple[FaceLink, ...]:
    rows = (
        ("website", merchant.website, words.gettext("Website")),
        (
            "phone",
            merchant.phone and "tel:" + "".join(merchant.phone.split()),
            words.gettext("Phone"),
        ),
        ("email", merchant.email and f"mailto:{merchant.email}", words.gettext("E-mail")),
    )
    return tuple(FaceLink(key, uri, text) for key, uri, text in rows if uri)


def _description(words: NullTranslations, merchant: MerchantFacts, program: ProgramFacts) -> str:
    return words.gettext("%(program)s by %(merchant)s") % {
        "program": program.name,
        "merchant": merchant.name,
    }


def _stamp_card(rules: StampRules, standing: Progress, design: Design) -> StampCard | None:
    if design.strip_mode != "stamps":
        return None
    return StampCard(
        slots=rules.card_size,
        filled=standing.position,
        milestones=frozenset(m.at for m in rules.milestones),
        ready=bool(standing.ready),
    )


def _placeholder_values(
    merchant: MerchantFacts, program: ProgramFacts, member: MemberFacts, standing: Progress
) -> dict[str, str]:
    return {
        "stamps": str(standing.position),
        "card_size": str(standing.card_size),
        "progress": f"{standing.position}/{standing.card_size}",
        "remaining": str(standing.remaining),
        "next_reward": standing.upcoming.title if standing.upcoming else "",
        "reward_ready": ", ".join(m.title for m in standing.ready),
        "first_name": member.first_name,
        "last_name": member.last_name,
        "code": member.code,
        "program_name": program.name,
        "merchant_name": merchant.name,
    }
