"""What a card shows of its program's shops."""

from tests.passes.services.chain import Chain, point
from tests.passes.web.answers import problem
from tests.service import Service


def test_a_program_that_names_its_shops_shows_no_others(service: Service) -> None:
    chain = Chain.open(service, shops=36)
    service.relocate()
    member = chain.member()
    chain.stamp(member, 14)
    some = [chain.shops[number] for number in range(0, 36, 3)]
    path = f"/programs/{chain.program['id']}"
    assert chain.door.patch(path, {"location_ids": some}).status_code == 200
    chain.pushed()
    service.relocate()
    assert chain.pushed() == [member["pass"]["id"]]
    assert chain.carried(member) <= set(range(0, 36, 3))
    elsewhere = {"type": "earn", "location_id": chain.shops[14]}
    answer = chain.door.post(
        f"/members/{member['id']}/transactions", elsewhere, headers={"Idempotency-Key": "x"}
    )
    assert problem(answer) == (409, "location_not_allowed")
    chain.door.patch(path, {"home_location_id": chain.shops[35]})
    service.relocate()
    assert 33 in chain.carried(chain.member())


def test_without_shops_a_card_has_no_places_and_gets_them_with_the_first(service: Service) -> None:
    chain = Chain.open(service, shops=0)
    member = chain.member()
    assert "locations" not in chain.pass_of(member)
    told = chain.build({0: point(0)})
    assert told["affected_passes"] == 1
    service.relocate()
    assert chain.pushed() == [member["pass"]["id"]]
    assert chain.carried(member) == {0}


def test_in_a_mall_a_card_shows_the_shop_its_member_goes_to(service: Service) -> None:
    chain = Chain.open(service, shops=25)
    chain.build(dict.fromkeys(range(25), point(0)))
    last = max(range(1, 25), key=chain.shops.__getitem__)  # of one place, the first ids are taken
    chain.change(last, relevant_text={"en": "Here"})
    member = chain.member()
    assert "Here" not in [place["relevantText"] for place in chain.pass_of(member)["locations"]]
    chain.stamp(member, last)
    assert "Here" in [place["relevantText"] for place in chain.pass_of(member)["locations"]]


def test_a_void_card_is_nowhere_and_not_told(service: Service) -> None:
    chain = Chain.open(service, shops=2)
    service.relocate()
    member = chain.member()
    chain.door.post(f"/passes/{member['pass']['id']}/void")
    assert "locations" not in chain.pass_of(member)
    chain.pushed()
    chain.change(0, relevant_text={"en": "Come in"})
    service.relocate()
    assert chain.pushed() == []


def test_a_stamp_that_shows_nothing_new_is_not_pushed(service: Service) -> None:
    chain = Chain.open(service, shops=12, card_size=1, milestones=[])
    service.relocate()
    member = chain.member()
    chain.stamp(member, 3)
    chain.pushed()
    chain.stamp(member, 3)  # a card of one slot is full again, at the shop of before
    assert chain.pushed() == []


def test_the_widest_distance_of_the_ten_is_that_of_the_pass(service: Service) -> None:
    chain = Chain.open(service, shops=2)
    member = chain.member()
    chain.change(0, max_distance_m=200)
    assert "maxDistance" not in chain.pass_of(member)  # the other one has none
    chain.change(1, max_distance_m=500)
    service.relocate()
    assert chain.pass_of(member)["maxDistance"] == 500
