"""The demo's merchant, made as a merchant would make it: upload, describe, activate, enrol."""

from dataclasses import dataclass
from importlib.resources import files
from itertools import count

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


def seed(operator: Api) -> Seeded:
    """Makes the merchant with template, program and members through the public API."""
    slug = _free_slug(operator)
    merchant = operator.post("/merchants", _MERCHANT | {"slug": slug})
    key = Api(operator.base_url, operator.key, merchant["id"]).post(
        "/api_keys", {"name": "demo", "scopes": _SCOPES}
    )
    api = Api(operator.base_url, key["secret"])
    logo = api.upload("logo", "logo.svg", _drawing("logo.svg"))
    stamp = api.upload("stamp_on", "stamp.svg", _drawing("stamp.svg"))
    template = api.post(
        "/templates",
        {"name": "House style", "logo_id": logo["id"], "strip": {"stamp_on_id": stamp["id"]}},
    )
    program = api.post("/programs", _PROGRAM | {"slug": slug, "template_id": template["id"]})
    api.post(f"/programs/{program['id']}/activate", None)
    members = [
        api.post(
            f"/programs/{program['id']}/members",
            {"external_id": name, "person": {"first_name": name}, "locale": locale},
        )
        for name, locale, _ in _MEMBERS
    ]
    for member, (_, _, stamps) in zip(members, _MEMBERS, strict=True):
        for _ in range(stamps):
            api.act(f"/members/{member['id']}/transactions", {"type": "earn", "stamps": 1})
    return Seeded(
        slug=slug,
        api_key=key["secret"],
        merchant_id=merchant["id"],
        template_id=template["id"],
        program_id=program["id"],
        member_ids=tuple(member["id"] for member in members),
    )


def _free_slug(operator: Api) -> str:
    """The demo's slug, with a number when an earlier demo was interrupted while seeding."""
    taken = {merchant["slug"] for merchant in operator.get("/merchants?limit=200")["data"]}
    names = (f"{_SLUG}-{number}" for number in count(2))
    return _SLUG if _SLUG not in taken else next(name for name in names if name not in taken)


def _drawing(name: str) -> bytes:
    return files("passes.demo").joinpath(name).read_bytes()
