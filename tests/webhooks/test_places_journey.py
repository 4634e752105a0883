"""A customer of a chain travels: what reaches the phone, over Apple's protocol."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from passes.store.tables import Device, Pass
from tests.passes.services.chain import nearest, point
from tests.passes.web.packages import Package
from tests.service import Service
from tests.webhooks.living import ScriptedCourier, Shop

SHOPS = {number: point(number) for number in range(200)}


def shops_of(document: dict[str, Any]) -> set[int]:
    by_place = {(at.latitude, at.longitude): number for number, at in SHOPS.items()}
    return {by_place[one["latitude"], one["longitude"]] for one in document["locations"]}


def texts_of(document: dict[str, Any]) -> set[str]:
    return {one["relevantText"] for one in document["locations"]}


@dataclass(frozen=True)
class Phone:
    """The one phone of a shop, as the device protocol knows it."""

    shop: Shop
    card: Pass
    device: str

    @classmethod
    def of(cls, shop: Shop, member: dict[str, Any]) -> "Phone":
        with shop.database.reading() as session:
            device = session.scalars(select(Device.library_identifier)).one()
            return cls(shop, session.get_one(Pass, member["pass"]["id"]), device)

    def fetch(self, tag: str) -> tuple[dict[str, Any], str]:
        """What a woken phone does: which passes, then the pass. pass.json and the next tag."""
        client, pass_type = self.shop.service.client, self.shop.pass_type
        base = f"/apple/v1/devices/{self.device}/registrations/{pass_type}"
        news = client.get(f"{base}?passesUpdatedSince={tag}").json
        assert news["serialNumbers"] == [self.card.serial_number]
        answer = client.get(
            f"/apple/v1/passes/{pass_type}/{self.card.serial_number}",
            headers={"Authorization": f"ApplePass {self.card.authentication_token}"},
        )
        return Package.of(answer).document, news["lastUpdated"]


def test_the_ten_shops_follow_their_customer_and_nobody_is_disturbed(service: Service) -> None:
    shop = Shop.open(service)
    text = "{{remaining}} stamps to your free {{next_reward}}"
    rows = [f"Shop {n},{at.latitude},{at.longitude},{text}" for n, at in SHOPS.items()]
    file = "\n".join(["name,latitude,longitude,relevant_text", *rows])
    assert shop.door.bring_in(file).status_code == 200
    service.relocate()
    ids = {one["name"]: one["id"] for one in shop.door.get("/locations?limit=200").json["data"]}
    member = shop.member("token")
    phone, courier = Phone.of(shop, member), ScriptedCourier()
    rounds = shop.rounds(courier)

    def stamp(number: int) -> None:
        act = {"type": "earn", "location_id": ids[f"Shop {number}"]}
        key = {"Idempotency-Key": str(uuid4())}
        path = f"/members/{member['id']}/transactions"
        assert shop.door.post(path, act, headers=key).status_code == 201

    def retext(*numbers: int) -> None:
        for number in numbers:
            change = {"relevant_text": {"en": "Come in"}}
            shop.door.patch(f"/locations/{ids[f'Shop {number}']}", change)
        service.relocate()

    def pushes() -> int:
        """Since the last time."""
        before = len(courier.seen)
        while rounds.step():
            pass
        return len(courier.seen) - before

    stamp(85)
    assert pushes() == 1
    document, tag = phone.fetch("0")
    assert shops_of(document) == nearest(85)
    assert texts_of(document) == {"3 stamps to your free Cookie"}

    for _ in range(3):  # three stamps some 300 km away, while the phone is asleep
        stamp(193)
    assert pushes() == 1
    document, tag = phone.fetch(tag)
    assert shops_of(document) == nearest(193)
    assert texts_of(document) == {"6 stamps to your free Coffee"}

    retext(*sorted(set(SHOPS) - nearest(193))[::10])
    assert pushes() == 0
    retext(192)
    assert pushes() == 1
    document, _ = phone.fetch(tag)
    assert texts_of(document) == {"6 stamps to your free Coffee", "Come in"}
