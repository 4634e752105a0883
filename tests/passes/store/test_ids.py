"""Random names."""

import re

from passes.store import ids


def test_an_id_is_a_prefix_and_128_bits_in_base62() -> None:
    made = {ids.new_id("mer") for _ in range(500)}
    assert len(made) == 500
    assert all(re.fullmatch(r"mer_[0-9A-Za-z]{22}", one) for one in made)


def test_a_token_fits_into_an_address_and_cannot_be_guessed() -> None:
    made = {ids.new_token() for _ in range(500)}
    assert len(made) == 500
    assert all(re.fullmatch(r"[0-9A-Za-z_-]{43}", one) for one in made)


def test_a_code_is_read_by_people_and_fits_an_alphanumeric_qr_code() -> None:
    made = {ids.new_code() for _ in range(500)}
    assert len(made) == 500
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{16}", one) for one in made)
