"""The demo's merchants, made as merchants would make them: upload, describe, activate, enrol.

The café here; the chain with its shops is in chain.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from itertools import count
from typing import Any

from passes.demo.client import Api

_SCOPES = ["programs:write", "members:read", "members:write", "ledger:write", "passes:read"]
_SLUG = "fern-and-bean"
_MERCHANT = {
    "name": "Fern & Bean",
    "locale": "en",
    "timezone": "Europe/Budapest",
    "currency": "EUR",
    "contact": {
        "email": "hello@fernandbean.example",
        "phone": "+36 1 555 0142",
        "website": "https://fernandbean.example",
        "address": "12 Garden Street, Budapest",
    },
}
_PROGRAM = {
    "name": "Coffee card",
    "card_size": 10,
    "milestones": [{"at": 4, "title": "Free cookie"}, {"at": 10, "title": "Free coffee"}],
    "welcome": {"stamps": 1},
    "terms": "One stamp for every coffee. Rewards are collected at the counter.",
    "enrolment": {
        "fields": [{"key": "first_name"}],
        "consents": [
            {"purpose": "marketing_wallet", "text": "Tell me about new beans and offers."}
        ],
    },
}
_LOCATION = {
    "name": "12 Garden Street",
    "latitude": 47.4839,
    "longitude": 19.0651,
    "address": "12 Garden Street, Budapest",
    "relevant_text": {
        "en": "{{remaining}} more until {{next_reward}}. The kettle is on!",
        "hu": "Még {{remaining}} pecsét, és jár: {{next_reward}}.",
        "cs": "Do odměny {{next_reward}} zbývá {{remaining}}.",
        "he": "עוד {{remaining}} עד {{next_reward}}.",
    },
}
# first name, language, stamps on top of the welcome stamp
_MEMBERS = (("Anna", "en", 2), ("Béla", "hu", 3), ("נועה", "he", 6), ("Jiří", "cs", 9))


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was made."""

    slug: str
    api_key: str
    merchant_id: str
    template_id: str
    program_id: str
    member_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """A merchant of its own; `api` has the merchant's key."""

    slug: str
    merchant_id: str
    api: Api


def seed(operator: Api) -> Seeded:
    """Makes the café with template, program and members through the public API."""
    shop = open_merchant(operator, _SLUG, _MERCHANT)
    shop.api.post("/locations", _LOCATION)
    logo = shop.api.upload("/images", "logo.svg", _drawing("logo.svg"), purpose="logo")
    stamp = shop.api.upload("/images", "stamp.svg", _drawing("stamp.svg"), purpose="stamp_on")
    look = {"name": "House style", "logo_id": logo["id"], "strip": {"stamp_on_id": stamp["id"]}}
    template_id, program_id = launch(shop, look, _PROGRAM)
    member_ids = [enrol(shop.api, program_id, name, locale) for name, locale, _ in _MEMBERS]
    for member_id, (_, _, stamps) in zip(member_ids, _MEMBERS, strict=True):
        stamp_times(shop.api, member_id, [{}] * stamps)
    return Seeded(
        slug=shop.slug,
        api_key=shop.api.key,
        merchant_id=shop.merchant_id,
        template_id=template_id,
        program_id=program_id,
        member_ids=tuple(member_ids),
    )


def open_merchant(operator: Api, slug: str, facts: Mapping[str, Any]) -> Opened:
    """A new merchant under that slug, or a numbered one, with a key that may do all it needs."""
    slug = _free_slug(operator, slug)
    merchant = operator.post("/merchants", {**facts, "slug": slug})
    key = Api(operator.base_url, operator.key, merchant["id"]).post(
        "/api_keys", {"name": "demo", "scopes": _SCOPES}
    )
    return Opened(slug, merchant["id"], Api(operator.base_url, key["secret"]))


def launch(shop: Opened, look: Mapping[str, Any], program: Mapping[str, Any]) -> tuple[str, str]:
    """Ids of the template and of the program that wears it, open for joining."""
    template = shop.api.post("/templates", look)
    made = shop.api.post("/programs", {**program, "slug": shop.slug, "template_id": template["id"]})
    shop.api.post(f"/programs/{made['id']}/activate", None)
    return template["id"], made["id"]


def enrol(api: Api, program_id: str, name: str, locale: str) -> str:
    """A new member's id."""
    document = {"external_id": name, "person": {"first_name": name}, "locale": locale}
    return str(api.post(f"/programs/{program_id}/members", document)["id"])


def stamp_times(api: Api, member_id: str, visits: Iterable[Mapping[str, str]]) -> None:
    """One stamp for every visit, with what is known of it."""
    for visit in visits:
        api.act(f"/members/{member_id}/transactions", {"type": "earn", "stamps": 1, **visit})


def _free_slug(operator: Api, slug: str) -> str:
    """The slug, with a number when an earlier demo was interrupted while seeding."""
    taken = {merchant["slug"] for merchant in operator.get("/merchants?limit=200")["data"]}
    names = (f"{slug}-{number}" for number in count(2))
    return slug if slug not in taken else next(name for name in names if name not in taken)


def _drawing(name: str) -> bytes:
    return files("passes.demo").joinpath(name).read_bytes()
