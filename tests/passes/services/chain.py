"""A chain with shops all over a country, and members whose phones carry its card."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, select

from passes.loyalty.places import Point, Visit, anchors_of, distance_m
from passes.services.placing import read_places
from passes.store.database import Database
from passes.store.tables import Delivery, Device, Pass, PlaceSet, Program, Transaction
from tests.passes.web.packages import Package
from tests.service import Clock, Door, Service

TEXT = "{{remaining}} stamps to your free {{next_reward}}"
COLUMNS = 20


def point(number: int) -> Point:
    """Where shop number n stands: rows 0.3° and columns 0.41° apart, no two pairs equally far."""
    row, column = divmod(number, COLUMNS)
    bend = 1e-4 * (number * 37 % 101)
    return Point(round(42 + 0.3 * row + bend, 6), round(5 + 0.41 * column + bend * bend, 6))


def nearest(centre: int, shops: int = 200) -> set[int]:
    """The numbers of the ten shops nearest to a shop, found the slow way."""
    by_distance = sorted(range(shops), key=lambda one: distance_m(point(centre), point(one)))
    return set(by_distance[:10])


@dataclass
class Chain:
    """A program of a merchant with numbered shops."""

    service: Service
    door: Door
    program: dict[str, Any]
    shops: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, service: Service, shops: int = 200, **program: Any) -> "Chain":
        door = service.merchant("chain")
        fields = {"limits": {"max_stamps": 30}} | program
        chain = cls(service, door, service.program(door, logo=False, **fields))
        chain.build({number: point(number) for number in range(shops)})
        chain.shops = [one["id"] for one in door.get("/locations?limit=200").json["data"]]
        return chain

    @property
    def database(self) -> Database:
        return self.service.parts.database

    @property
    def clock(self) -> Clock:
        return self.service.clock

    def build(self, places: Mapping[int, Point], text: str = TEXT) -> dict[str, Any]:
        """Shops by number, new ones or others than they were, by a file."""
        lines = ["external_id,name,latitude,longitude,relevant_text"]
        for number, at in places.items():
            lines.append(f"{number},Shop {number},{at.latitude},{at.longitude},{text}")
        answer = self.door.bring_in("\n".join(lines))
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def change(self, number: int, **fields: Any) -> dict[str, Any]:
        answer = self.door.patch(f"/locations/{self.shops[number]}", fields)
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def member(self, **fields: Any) -> dict[str, Any]:
        """A new member with a phone."""
        member = self.service.member(self.door, self.program, **fields)
        card = member["pass"]["id"]
        self.service.carry(member, phone=card, token=card)
        return member

    def stamp(self, member: dict[str, Any], number: int, **fields: Any) -> dict[str, Any]:
        answer = self.door.post(
            f"/members/{member['id']}/transactions",
            {"type": "earn", "location_id": self.shops[number], **fields},
            headers={"Idempotency-Key": str(uuid4())},
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    def pass_of(self, member: dict[str, Any]) -> Any:
        """pass.json as a phone gets it now."""
        return Package.of(self.door.get(f"/passes/{member['pass']['id']}.pkpass")).document

    def carried(self, member: dict[str, Any]) -> set[int]:
        """The numbers of the shops on a member's pass."""
        by_place = {(at.latitude, at.longitude): n for n, at in enumerate(map(point, range(400)))}
        places = self.pass_of(member)["locations"]
        return {by_place[place["latitude"], place["longitude"]] for place in places}

    def version(self, member: dict[str, Any]) -> int:
        with self.database.reading() as session:
            return session.get_one(Pass, member["pass"]["id"]).version

    def pushed(self) -> list[str]:
        """The pass ids of the phones that were pushed since this was last asked."""
        with self.database.writing() as session:
            targets = select(Device.library_identifier).join(Delivery, Delivery.target == Device.id)
            told = list(session.scalars(targets.order_by(Device.library_identifier)))
            session.execute(delete(Delivery))
        return told

    def sets(self, *, shown: bool = False, since: datetime | None = None) -> set[str]:
        """Ids of the program's place sets: all, those on passes, or those used since a time."""
        wanted = select(PlaceSet.id).where(PlaceSet.program_id == self.program["id"])
        if shown:
            wanted = wanted.join(Pass, Pass.place_set_id == PlaceSet.id)
        if since:
            wanted = wanted.where(PlaceSet.used_at >= since)
        with self.database.reading() as session:
            return set(session.scalars(wanted))

    def misplaced(self) -> list[str]:
        """Ids of the passes that do not show what their members' visits lead to."""
        with self.database.reading() as session:
            program = session.get_one(Program, self.program["id"])
            [here] = read_places(session, program.merchant_id, program.id)
            wrong = []
            for card in session.scalars(select(Pass).where(Pass.program_id == program.id)):
                rows = session.execute(
                    select(Transaction.location_id, Transaction.created_at)
                    .where(
                        Transaction.member_id == card.member_id,
                        Transaction.location_id.is_not(None),
                    )
                    .order_by(Transaction.created_at.desc(), Transaction.balance_after.desc())
                )
                anchors = anchors_of([Visit(shop_id or "", at) for shop_id, at in rows])
                if card.place_set_id != here.resolve(",".join(anchors)).id:
                    wrong.append(card.id)
            return wrong
