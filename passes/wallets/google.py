"""What Google Wallet shows: facts and face in, LoyaltyClass, LoyaltyObject and save link out.

A class is the program's card, an object one member's pass. Both functions give the whole desired
state each time. Not for: sending them (the courier), their rules (google_rules).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from babel.support import NullTranslations

from branding.colour import Colour
from certs.google import GoogleIdentity
from passes.loyalty.face import FaceField, FacePlace, PassFace
from passes.loyalty.facts import FaceLink
from passes.loyalty.places import Point
from passes.loyalty.wording import LOCALES, wording
from passes.wallets.google_schema import RESOURCE_ID, TAPPABLE_URI, merged
from passes.wallets.shorten import one_line, paragraphs, shorten

SAVE_URL = "https://pay.google.com/gp/v/save"
MAX_SAVE_LINK = 1_800  # characters with the URL; Google Wallet, web: "safe length"

# What we cut ourselves, because Google says no more than "recommended".
MAX_MODULES = 10  # text modules of one object that are displayed
MAX_MODULE_HEADER = 35
MAX_MODULE_BODY = 500
MAX_LINK_DESCRIPTION = 20

_BARCODE_TYPES = {"qr": "QR_CODE", "aztec": "AZTEC", "pdf417": "PDF_417", "code128": "CODE_128"}
# Only what every object has: a row whose path does not resolve vanishes without an error.
_CARD_ROWS = ("object.loyaltyPoints.balance", "object.textModulesData['reward']")

Json = dict[str, object]


class GoogleWalletError(Exception):
    """Something cannot be said to Google Wallet; `code` is stable, the message tells the cure.

    Codes: google_id_invalid, google_save_link_too_long.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class GoogleClassFacts:
    """What a program's class is made from. Image URLs are content-hashed: Google caches them.

    `locale` is the merchant's, `country` an ISO 3166-1 code; `callback_url` (https) hears of saves
    and deletions; `places` are shops that all holders share, ten at most; `overrides` is the
    `class` part of the template's `google_overrides`, checked.
    """

    class_id: str
    issuer_name: str
    program_name: str
    logo_url: str
    background: Colour
    locale: str
    hero_url: str | None = None
    homepage: str | None = None
    links: tuple[FaceLink, ...] = ()
    country: str | None = None
    callback_url: str | None = None
    places: tuple[Point, ...] = ()
    overrides: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GoogleObjectFacts:
    """What a member's object needs besides the face: `hero_url` shows this count of stamps.

    `has_places` when the places were chosen for this member; else they stand in the class.
    """

    object_id: str
    class_id: str
    hero_url: str | None = None
    has_places: bool = False
    overrides: Mapping[str, object] = field(default_factory=dict)


def resource_id(issuer_id: str, identifier: str) -> str:
    """The id of a class or object. Google never deletes one: use random identifiers, once.

    Raises GoogleWalletError (google_id_invalid).
    """
    resource = f"{issuer_id}.{identifier}"
    if not RESOURCE_ID.match(resource):
        raise GoogleWalletError(
            "google_id_invalid",
            f"{resource!r} is no Google Wallet id: it is the numeric issuer id, a dot, and letters,"
            " digits, '.', '_' or '-', at most 64 characters in all.",
        )
    return resource


def class_json(facts: GoogleClassFacts) -> Json:
    """The program's LoyaltyClass, in the merchant's language with our own words in all of ours."""
    words = wording(facts.locale)
    logo_text = words.gettext("Logo of %(name)s") % {"name": facts.issuer_name}
    document = _without_none(
        {
            "id": facts.class_id,
            # Every write of a class asks for a new review, Google approves by itself.
            "reviewStatus": "UNDER_REVIEW",
            "issuerName": one_line(facts.issuer_name),
            "programName": one_line(facts.program_name),
            "programLogo": _image(facts.logo_url, logo_text, facts.locale),
            "heroImage": _image(facts.hero_url, facts.program_name, facts.locale),
            "hexBackgroundColor": facts.background.hex,
            # After the first save a leaked link is harmless: nobody else can save or see it.
            "multipleDevicesAndHoldersAllowedStatus": "ONE_USER_ALL_DEVICES",
            "countryCode": facts.country,
            "homepageUri": _homepage(facts, words),
            "linksModuleData": _links(facts.links, facts.locale),
            "callbackOptions": facts.callback_url and {"url": facts.callback_url},
            "merchantLocations": _places(facts.places),
            "classTemplateInfo": _card_template(),
            **_label("accountNameLabel", lambda words: words.gettext("Member"), facts.locale),
            **_label("accountIdLabel", lambda words: words.gettext("Card code"), facts.locale),
        }
    )
    return merged(document, facts.overrides)


def object_json(face: PassFace, facts: GoogleObjectFacts) -> Json:
    """The member's LoyaltyObject, in the member's language.

    What the member lacks (a name, a picture) is absent: PUT clears it at Google, PATCH keeps it.
    """
    document = _without_none(
        {
            "id": facts.object_id,
            "classId": facts.class_id,
            "state": "INACTIVE" if face.voided else "ACTIVE",
            "accountName": one_line(face.member_name) or None,
            "accountId": face.barcode.message,
            "loyaltyPoints": {
                **_text("label", one_line(face.balance.label), face.locale),
                "balance": {"string": face.balance.value},
            },
            "barcode": {
                "type": _BARCODE_TYPES[face.barcode.format],
                "value": face.barcode.message,
                "alternateText": one_line(face.barcode.alt_text),
                "renderEncoding": "UTF_8",
            },
            "heroImage": _image(facts.hero_url, _picture_text(face), face.locale),
            "textModulesData": _text_modules(face),
            "linksModuleData": _links(face.links, face.locale),
            "merchantLocations": _places(face.places) if facts.has_places else None,
        }
    )
    return merged(document, facts.overrides)


def save_link(
    identity: GoogleIdentity,
    class_id: str,
    object_id: str,
    *,
    now: datetime,
    save_url: str = SAVE_URL,
) -> str:
    """The short "Add to Google Wallet" link: two ids, no personal data, one link for one `now`.

    It opens only after class and object are at Google, and it never changes what is there.
    Raises GoogleWalletError (google_save_link_too_long).
    """
    claims = {
        "iss": identity.email,
        "aud": "google",
        "typ": "savetowallet",
        "iat": int(now.timestamp()),
        "origins": [],
        "payload": {"loyaltyObjects": [{"id": object_id, "classId": class_id}]},
    }
    link = f"{save_url.rstrip('/')}/{identity.sign_jwt(claims)}"
    if len(link) > MAX_SAVE_LINK:
        raise GoogleWalletError(
            "google_save_link_too_long",
            f"The save link has {len(link)} characters, browsers carry {MAX_SAVE_LINK} safely:"
            " use a shorter save URL, shorter ids or a service account with a 2048-bit key.",
        )
    return link


def _card_template() -> Json:
    rows = [
        {"oneItem": {"item": {"firstValue": {"fields": [{"fieldPath": path}]}}}}
        for path in _CARD_ROWS
    ]
    return {"cardTemplateOverride": {"cardRowTemplateInfos": rows}}


def _picture_text(face: PassFace) -> str:
    """The stamp grid in words, in the member's language."""
    if face.stamp_card is None:
        return face.description
    filled, slots = face.stamp_card.filled, face.stamp_card.slots
    text = wording(face.locale).ngettext(
        "%(num)d of %(size)d stamp", "%(num)d of %(size)d stamps", slots
    )
    return text % {"num": filled, "size": slots}


def _text_modules(face: PassFace) -> list[Json] | None:
    """The reward first (the card's second row names it), then what stands nowhere else."""
    shown = {"reward": face.reward}
    for area in (face.header, face.primary, face.secondary, face.auxiliary, face.back):
        shown |= {f.key: f for f in area if not _stands_elsewhere(f, face)}
    modules = [
        _module(key, module, face.locale)
        for key, module in shown.items()
        if paragraphs(module.value)
    ]
    return modules[:MAX_MODULES] or None


def _stands_elsewhere(module: FaceField, face: PassFace) -> bool:
    if module.value in (face.balance.value, face.member_name):
        return True
    address = "".join(module.value.split())
    return any(link.uri in (address, f"tel:{address}", f"mailto:{address}") for link in face.links)


def _module(key: str, module: FaceField, locale: str) -> Json:
    return {
        "id": key,
        **_text("header", shorten(one_line(module.label), MAX_MODULE_HEADER), locale),
        **_text("body", shorten(paragraphs(module.value), MAX_MODULE_BODY), locale),
    }


def _links(links: Iterable[FaceLink], locale: str) -> Json | None:
    """A link that cannot be tapped is left out: Google would refuse the whole pass for it."""
    uris = [
        {
            "id": link.key,
            "uri": link.uri,
            **_text(
                "description", shorten(one_line(link.description), MAX_LINK_DESCRIPTION), locale
            ),
        }
        for link in links
        if TAPPABLE_URI.match(link.uri)
    ]
    return {"uris": uris} if uris else None


def _homepage(facts: GoogleClassFacts, words: NullTranslations) -> Json | None:
    if facts.homepage is None or not TAPPABLE_URI.match(facts.homepage):
        return None
    return {"uri": facts.homepage, "description": words.gettext("Website")}


def _places(places: Iterable[Point | FacePlace]) -> list[Json] | None:
    """Where the card comes up; Google knows no words and no distance of our own for it."""
    return [{"latitude": place.latitude, "longitude": place.longitude} for place in places] or None


def _image(url: str | None, spoken: str, locale: str) -> Json | None:
    """A picture by its URL, and what a screen reader says instead."""
    if url is None:
        return None
    return {"sourceUri": {"uri": url}, "contentDescription": _localized(one_line(spoken), locale)}


def _label(name: str, say: Callable[[NullTranslations], str], locale: str) -> Json:
    """A text of ours in all our languages: members of every language share a class."""
    others = [
        {"language": other, "value": say(wording(other))} for other in LOCALES if other != locale
    ]
    label = _text(name, say(wording(locale)), locale)
    return merged(label, {_twin(name): {"translatedValues": others}})


def _text(name: str, text: str, locale: str) -> Json:
    """The plain field and its localized twin, which tells a screen reader the language."""
    return {name: text, _twin(name): _localized(text, locale)}


def _twin(name: str) -> str:
    return f"localized{name[0].upper()}{name[1:]}"


def _localized(text: str, locale: str) -> Json:
    return {"defaultValue": {"language": locale, "value": text}}


def _without_none(document: Mapping[str, object]) -> Json:
    return {key: value for key, value in document.items() if value is not None}
