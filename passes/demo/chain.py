"""The demo's chain: a bakery with two hundred shops in five cities, and members who travel.

The shops are invented, the places real: shops.csv has a city, a place in it and where that is.
"""

import csv
import io
from importlib.resources import files
from itertools import chain, repeat

from passes.demo.client import Api
from passes.demo.seed import Opened, Seeded, enrol, launch, open_merchant, stamp_times

PHONE = "Zuzana’s iPhone"  # of the first member

_SLUG = "seventh-loaf"
_MERCHANT = {
    "name": "Seventh Loaf",
    "locale": "en",
    "timezone": "Europe/Prague",
    "currency": "EUR",
    "contact": {
        "email": "hello@seventhloaf.example",
        "website": "https://seventhloaf.example",
        "address": "7 Mill Lane, Praha",
    },
}
_LOOK = {
    "name": "Crust",
    "colors": {"background": "#7A3E1D", "foreground": "#FFF8EE", "label": "#FFE3C2"},
}
_PROGRAM = {
    "name": "Bread card",
    "card_size": 8,
    "milestones": [{"at": 4, "title": "Free roll"}, {"at": 8, "title": "Free loaf"}],
    "terms": "One stamp for every loaf, in any of our shops.",
    "enrolment": {"fields": [{"key": "first_name"}], "consents": []},
}
# What a phone says nearby, after the name of the place.
_NEARBY = {
    "relevant_text_en": "{{remaining}} to go: {{next_reward}}",
    "relevant_text_hu": "még {{remaining}} pecsét: {{next_reward}}",
    "relevant_text_cs": "zbývá {{remaining}}: {{next_reward}}",
    "relevant_text_he": "עוד {{remaining}}: {{next_reward}}",
}
# first name, language, places of their stamps, oldest first; the first is on a phone
_MEMBERS = (
    ("Zuzana", "en", (("Karlín", 3), ("Florenc", 2))),
    ("Gergő", "hu", (("Oktogon", 4), ("Astoria", 1), ("Móricz Zsigmond körtér", 2))),
    ("Vojta", "cs", (("Neubaugasse", 3),)),
    ("תמר", "he", (("Dizengoff Square", 2), ("Florentin", 3))),
    ("Oliver", "en", (("Shoreditch", 3), ("Stephansplatz", 3))),
    ("Eszter", "hu", (("Széll Kálmán tér", 2), ("Westbahnhof", 2), ("Anděl", 2))),
)


def seed_chain(operator: Api) -> Seeded:
    """Makes the chain with its shops, and members with histories in them, through the API."""
    shop = open_merchant(operator, _SLUG, _MERCHANT)
    shop.api.upload("/locations/import", "shops.csv", _import_file())
    template_id, program_id = launch(shop, _LOOK, _PROGRAM)
    return Seeded(
        slug=shop.slug,
        api_key=shop.api.key,
        merchant_id=shop.merchant_id,
        template_id=template_id,
        program_id=program_id,
        member_ids=tuple(_members(shop, program_id)),
    )


def _members(shop: Opened, program_id: str) -> list[str]:
    listed = shop.api.get("/locations?limit=200")["data"]
    ids = {location["name"]: location["id"] for location in listed}
    member_ids = []
    for name, locale, visits in _MEMBERS:
        member_ids.append(enrol(shop.api, program_id, name, locale))
        places = chain.from_iterable(repeat(ids[place], times) for place, times in visits)
        stamp_times(shop.api, member_ids[-1], [{"location_id": place} for place in places])
    return member_ids


def _import_file() -> bytes:
    """The shops as the import takes them, each with its own words in four languages."""
    places = files("passes.demo").joinpath("shops.csv").read_text(encoding="utf-8")
    columns = ["external_id", "name", "latitude", "longitude", "address", *_NEARBY]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns)
    writer.writeheader()
    for number, row in enumerate(csv.DictReader(io.StringIO(places)), 1):
        writer.writerow(
            {
                "external_id": f"SL-{number:03}",
                "name": row["place"],
                "latitude": row["latitude"],
                "longitude": row["longitude"],
                "address": f"{row['place']}, {row['city']}",
            }
            | {column: f"{row['place']} · {text}" for column, text in _NEARBY.items()}
        )
    return out.getvalue().encode()
