from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from certs import issuing
from certs.authority import apple_authority, is_issued_by, load_authority
from certs.errors import CertificateError
from tests.certs.conftest import NOW, World

Put = Callable[[str, bytes], Path]


def test_the_bundled_certificates_are_apples() -> None:
    authority = apple_authority()
    (g4,) = authority.intermediates
    assert authority.root.fingerprint(SHA256()).hex() == (
        "b0b1730ecbc7ff4505142c49f1295e6eda6bcaed7e2c68c5be91b5a11001f024"
    )
    assert g4.fingerprint(SHA256()).hex() == (
        "ea4757885538dd8cb59ff4556f676087d83c85e70902c122e42c0808b5bce14c"
    )
    assert g4.subject.rfc4514_string() == (
        "C=US,O=Apple Inc.,OU=G4,CN=Apple Worldwide Developer Relations Certification Authority"
    )
    assert is_issued_by(g4, authority.root)
    assert (authority.development, authority.path) == (False, None)


def test_the_bundled_certificates_last_for_another_year() -> None:
    in_a_year = datetime.now(UTC) + timedelta(days=365)
    authority = apple_authority()
    assert authority.root.not_valid_after_utc > in_a_year
    assert authority.intermediates[0].not_valid_after_utc > in_a_year


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_a_file_with_intermediate_and_root_in_any_order_is_an_authority(
    world: World, put: Put, order: slice
) -> None:
    chain = [world.intermediate.certificate, world.root.certificate]
    path = put("authority.pem", issuing.certificate_pem(*chain[order]))
    authority = load_authority(path)
    assert authority.root == world.root.certificate
    assert authority.intermediates == (world.intermediate.certificate,)
    assert (authority.development, authority.path) == (True, path)


def test_an_authority_file_without_a_root_or_an_intermediate_is_told(
    world: World, put: Put
) -> None:
    foreign = issuing.new_root(world.other_key, NOW).certificate
    intermediate, root = world.intermediate.certificate, world.root.certificate
    leaf = world.leaf()
    for chain in ([intermediate], [root], [root, leaf], [foreign, intermediate], [root, foreign]):
        path = put("authority.pem", issuing.certificate_pem(*chain))
        with pytest.raises(CertificateError, match=r"authority\.pem .*; put the") as caught:
            load_authority(path)
        assert caught.value.code == "authority_incomplete"


def test_an_authority_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"authority\.pem cannot be read") as caught:
        load_authority(tmp_path / "authority.pem")
    assert caught.value.code == "certificate_unreadable"


def test_an_authority_grows_only_by_what_its_root_issued(world: World) -> None:
    sister = issuing.new_intermediate(world.root, world.other_key, NOW).certificate
    foreign_root = issuing.new_root(world.other_key, NOW)
    foreign = issuing.new_intermediate(foreign_root, world.other_key, NOW).certificate
    known = world.intermediate.certificate
    holder = world.leaf(issuer=world.root)
    grown = world.authority.including([world.leaf(), holder, sister, foreign, known, sister])
    assert grown.intermediates == (known, sister)
