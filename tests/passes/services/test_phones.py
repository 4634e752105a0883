"""Phones that register while others do, and while tills stamp."""

from functools import partial

import pytest

from tests.service import Service
from tests.together import together


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_phones_that_register_for_a_changed_card_at_the_same_moment_hinder_nobody(
    service: Service,
) -> None:
    door = service.merchant()
    member = service.member(door, service.program(door, logo=False))
    service.stamp(member, 1)  # so that each of them is told at once
    phones = [
        partial(service.carry, member, phone=f"phone-{number}", token=f"{number:02}")
        for number in range(8)
    ]
    together(*phones, partial(service.stamp, member, 1))
