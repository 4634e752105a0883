"""When a phone does what."""

from datetime import UTC, datetime, timedelta

from webhooks.simulators.errands import Errand, Errands

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIST = Errand("list", "https://x.example", "pass.x")
FETCH = Errand("fetch", "https://x.example", "pass.x", "1")
HOUR = timedelta(hours=1)


def test_an_errand_asked_for_twice_is_done_once_at_the_earlier_moment() -> None:
    errands = Errands()
    errands.ask(LIST, NOON + HOUR, "push")
    errands.ask(LIST, NOON, "user")
    errands.ask(LIST, NOON + 2 * HOUR, "push")
    assert errands.next_due() == NOON
    assert errands.take(NOON)
    assert errands.take(NOON + 3 * HOUR) is None


def test_errands_are_done_in_the_order_they_were_asked_for() -> None:
    errands = Errands()
    errands.ask(LIST, NOON, "push")
    errands.ask(FETCH, NOON - HOUR, "push")
    done = [taken[0] for _ in range(2) if (taken := errands.take(NOON))]
    assert done == [LIST, FETCH]


def test_a_failed_errand_does_not_displace_one_asked_for_meanwhile() -> None:
    errands = Errands()
    errands.ask(LIST, NOON, "push")
    taken = errands.take(NOON)
    assert taken
    errands.ask(LIST, NOON, "user")
    assert errands.put_back(*taken, NOON) == NOON


def test_what_concerns_a_removed_card_is_forgotten() -> None:
    errands = Errands()
    errands.ask(LIST, NOON, "push")
    errands.ask(FETCH, NOON, "push")
    errands.drop("pass.x", "1")
    assert errands.take(NOON)
    assert errands.next_due() is None
