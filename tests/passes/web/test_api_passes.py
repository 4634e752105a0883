"""Passes through the API: what is downloaded is what phones accept."""

import io
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from PIL import Image

from certs import development
from passes.web.application import create_app
from passes.web.parts import Parts
from tests.certs.test_signing import openssl_verify
from tests.passes.web.answers import problem
from tests.passes.web.packages import Package
from tests.service import PUBLIC_URL, Clock, Door, Service

NAMES = [
    "שרה לֵוִי",
    "Žofie Nováková-Kůrková",
    "👩‍👩‍👧‍👦 Família 🇭🇺",
    'Robert "Bobby" O\'Tables \\ <b>&amp;</b> {{stamps}} %@ %(num)d',
    "Ő" * 200,
    "abc\u202edef",
]
PIXELS = {
    "icon.png": (38, 38),
    "icon@2x.png": (76, 76),
    "icon@3x.png": (114, 114),
    "strip.png": (375, 144),
    "strip@2x.png": (750, 288),
    "strip@3x.png": (1125, 432),
}


def download(door: Door, member: dict[str, Any]) -> Package:
    return Package.of(door.get(f"/passes/{member['pass']['id']}.pkpass"))


def test_a_pass_tells_where_it_lives(service: Service, door: Door) -> None:
    program = service.program(door)
    member = service.member(door, program, locale="cs")
    card = door.get(f"/passes/{member['pass']['id']}").json
    assert card["member_id"] == member["id"]
    assert card["status"] == "issued"
    assert card["locale"] == "cs"
    assert card["apple"]["serial_number"] == member["pass"]["serial_number"]
    assert card["apple"]["pass_type_identifier"] == program["pass_type_identifier"]
    issuer = development.GOOGLE_ISSUER_ID
    assert card["google"] == {
        "class_id": f"{issuer}.{program['id']}",
        "object_id": f"{issuer}.{card['id']}",
        "sync": "none",
        "error": None,
        "saved": False,
    }
    assert card["urls"] == member["pass"]["urls"]


def test_a_package_is_whole_signed_and_the_members_own(service: Service, door: Door) -> None:
    program = service.program(door, welcome={"stamps": 2}, terms="Be kind.")
    member = service.member(door, program, person={"first_name": "Anna"})
    package = download(door, member)
    document = package.document
    assert document["serialNumber"] == member["pass"]["serial_number"]
    assert document["passTypeIdentifier"] == program["pass_type_identifier"]
    assert document["webServiceURL"] == f"{PUBLIC_URL}/apple"
    assert len(document["authenticationToken"]) >= 32
    assert package.fields["stamps"] == "2/10"
    assert package.fields["member"] == "Anna"
    assert package.fields["terms"] == "Be kind."
    assert package.fields["card"] == member["pass"]["urls"]["landing"]
    other = download(door, service.member(door, program)).document
    for secret in ("serialNumber", "authenticationToken", "barcodes"):
        assert other[secret] != document[secret]


def test_openssl_accepts_the_package_against_the_root(
    service: Service,
    door: Door,
    identities: development.DevelopmentFiles,
    tmp_path: Path,
) -> None:
    package = download(door, service.member(door, service.program(door)))
    root = x509.load_pem_x509_certificate(identities.root.read_bytes())
    leaf, intermediate = sorted(
        package.certificates(), key=lambda certificate: certificate.issuer == root.subject
    )
    leaf.verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(root)
    if shutil.which("openssl"):
        signature, manifest = package.files["signature"], package.files["manifest.json"]
        assert openssl_verify(tmp_path, signature, manifest, root)


def test_every_picture_has_the_size_its_name_promises(service: Service, door: Door) -> None:
    package = download(door, service.member(door, service.program(door)))
    pictures = {name: data for name, data in package.files.items() if name.endswith(".png")}
    assert pictures.keys() == PIXELS.keys() | {"logo.png", "logo@2x.png", "logo@3x.png"}
    for name, data in pictures.items():
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            assert image.format == "PNG"
            if name in PIXELS:
                assert image.size == PIXELS[name]
            else:
                scale = int(name[5]) if "@" in name else 1
                assert image.width <= 160 * scale
                assert image.height <= 50 * scale


def test_each_count_of_stamps_has_a_strip_of_its_own(service: Service, door: Door) -> None:
    member = service.member(door, service.program(door, card_size=5, milestones=[]))
    packages = [download(door, member)]
    for _ in range(5):
        service.stamp(member, 1)
        packages.append(download(door, member))
    assert len({package.files["strip@3x.png"] for package in packages}) == 6
    counts = [package.fields["stamps"] for package in packages]
    assert counts == ["0/5", "1/5", "2/5", "3/5", "4/5", "5/5"]


def test_a_stamp_changes_one_announced_field_and_no_secret(service: Service, door: Door) -> None:
    member = service.member(door, service.program(door))
    before = download(door, member).document
    service.stamp(member, 1)
    after = download(door, member).document
    announced = [
        (old, new)
        for area, fields in before["storeCard"].items()
        for old, new in zip(fields, after["storeCard"][area], strict=True)
        if "changeMessage" in new and old["value"] != new["value"]
    ]
    assert [(old["value"], new["value"]) for old, new in announced] == [("0/10", "1/10")]
    assert {k: v for k, v in before.items() if k != "storeCard"} == {
        k: v for k, v in after.items() if k != "storeCard"
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stands_on_the_pass_exactly(service: Service, door: Door, name: str) -> None:
    member = service.member(door, service.program(door), person={"first_name": name})
    assert member["person"]["first_name"] == name
    assert download(door, member).fields["member"] == name


@pytest.mark.parametrize("locale", ["en", "hu", "cs", "he"])
def test_texts_of_several_lines_and_scripts_stay_as_written(
    service: Service, door: Door, locale: str
) -> None:
    terms = 'Első sor\nשורה שנייה\n<a href="x">třetí</a> "quoted" 🎁'
    program = service.program(door, terms=terms, name="Kávé & <kávé>")
    package = download(door, service.member(door, program, locale=locale))
    assert package.fields["terms"] == terms
    assert "Kávé & <kávé>" in package.document["description"]


def test_the_same_state_gives_the_same_manifest_whoever_renders_it(
    service: Service, door: Door, clock: Clock, make_parts: Callable[..., Parts]
) -> None:
    member = service.member(door, service.program(door))
    first = download(door, member)
    clock.forward(timedelta(days=3))
    again = download(door, member)
    elsewhere = create_app(make_parts()).test_client()
    third = download(Door(elsewhere, door.key), member)
    manifests = {package.files["manifest.json"] for package in (first, again, third)}
    assert len(manifests) == 1


def test_the_public_link_gives_the_same_package(service: Service, door: Door) -> None:
    member = service.member(door, service.program(door))
    path = member["pass"]["urls"]["apple"].removeprefix(PUBLIC_URL)
    answer = service.client.get(path)
    assert Package.of(answer).files["pass.json"] == download(door, member).files["pass.json"]
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert re.fullmatch(
        r'inline; filename="coffee-\d+\.pkpass"', answer.headers["Content-Disposition"]
    )


def test_a_head_request_gives_the_headers_of_the_package(service: Service, door: Door) -> None:
    path = f"/passes/{service.member(door, service.program(door))['pass']['id']}.pkpass"
    head, get = door.send("HEAD", path), door.get(path)
    assert (head.status_code, head.data) == (200, b"")
    assert head.content_type == get.content_type
    assert abs(int(head.headers["Content-Length"]) - len(get.data)) < 16  # the signing time


def test_a_foreign_pass_is_as_unknown_as_none(service: Service, door: Door) -> None:
    other = service.merchant("other")
    foreign = service.member(other, service.program(other))["pass"]["id"]
    for path in (f"/passes/{foreign}", f"/passes/{foreign}.pkpass"):
        assert problem(door.get(path)) == (404, "not_found")
    guess = f"{PUBLIC_URL}/p/{'x' * 43}.pkpass".removeprefix(PUBLIC_URL)
    assert problem(service.client.get(guess)) == (404, "not_found")
