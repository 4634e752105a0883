"""Complete passes per CPU second, beside the RSA signature they cannot do without, and peers.

Run: python -m benchmarks.issue
"""

import hashlib
import io
import itertools
import resource
import shutil
import tempfile
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import wallet.models
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from PIL import Image, ImageDraw
from pydantic_core import to_json

from benchmarks import passkit_generator
from benchmarks.rounds import Contestant, Row, race, repeated, report
from branding.artwork import apple_pieces
from branding.brand import Art, Brand
from branding.colour import Colour
from branding.palette import Palette
from branding.piece import Piece
from certs.apple import AppleIdentity, load_identities
from certs.authority import load_authority
from certs.development import mint
from certs.issuing import certificate_pem, key_pem
from passes.loyalty.face import PassFace, compute_face
from passes.loyalty.facts import Design, FaceLink, MemberFacts, MerchantFacts, ProgramFacts
from passes.loyalty.stamps import Milestone, StampRules
from passes.wallets import apple
from passes.wallets.apple_rules import faults
from passes.wallets.package import pack

CARD_SIZE = 10
PEERS = {"wallet-py3k", "passkit-generator"}
FEW, MANY = 1_000, 20_000  # passes between which memory must stay flat
MANIFEST = b"{" + b" " * 700 + b"}"  # as long as one of ten files

PALETTE = Palette(Colour(31, 58, 46), Colour(255, 255, 255), Colour(200, 220, 210))
MERCHANT = MerchantFacts(
    "Kávézó Lépcső", "hello@lepcso.example", "+36 1 234 5678", "https://lepcso.example", "Fő u. 1"
)
PROGRAM = ProgramFacts(
    "Coffee card",
    StampRules(CARD_SIZE, (Milestone(4, "A cookie"), Milestone(10, "A free coffee"))),
    terms="One stamp per coffee. Rewards are not paid out in cash. " * 6,
)
DESIGN = Design(PALETTE, links=(FaceLink("link1", "https://lepcso.example/menu", "Menu"),))


@dataclass(frozen=True, slots=True)
class Shop:
    """What is there before a customer comes: an identity, and artwork for every count."""

    identity: AppleIdentity
    artwork: tuple[tuple[Piece, ...], ...]
    faces: tuple[PassFace, ...]
    serials: "itertools.count[int]"

    def render(self) -> bytes:
        """A pass that nobody had before, of a face at hand."""
        number = next(self.serials)
        stamps = number % (CARD_SIZE + 1)
        return apple.build(
            self.faces[stamps], pass_facts(number), self.identity, self.artwork[stamps]
        )

    def issue(self) -> bytes:
        """A pass that nobody had before, from the member on."""
        number = next(self.serials)
        face = member_face(number)
        return apple.build(
            face, pass_facts(number), self.identity, self.artwork[number % (CARD_SIZE + 1)]
        )


def member_face(number: int) -> PassFace:
    member = MemberFacts(
        f"7K3Q{number:012}", number % (CARD_SIZE + 1), "Žofie", f"Nováková {number}"
    )
    return compute_face(MERCHANT, PROGRAM, DESIGN, member, "en")


def pass_facts(number: int) -> apple.PassFacts:
    return apple.PassFacts(
        serial_number=f"{number:022}",
        authentication_token=f"{number:043}",
        web_service_url="https://passes.example/apple",
        card_url=f"https://passes.example/p/{number:022}",
    )


def open_shop(folder: Path) -> Shop:
    files = mint(folder, datetime.now(UTC))
    keyring = load_identities(
        files.certificates, load_authority(files.authority), None, datetime.now(UTC)
    )
    assert keyring.only
    brand = Brand(
        MERCHANT.name,
        PALETTE.background,
        PALETTE.foreground,
        PALETTE.label,
        logo=Art.of(_logo()),
        strip=Art.of(_photograph()),
    )
    faces = tuple(map(member_face, range(CARD_SIZE + 1)))
    artwork = tuple(apple_pieces(brand, face.stamp_card) for face in faces)
    return Shop(keyring.only, artwork, faces, itertools.count())


def _photograph() -> bytes:
    noise = Image.effect_noise((375, 144), 24).resize((1125, 432), Image.Resampling.BICUBIC)
    return _png(Image.merge("RGB", (noise, noise, noise)))


def _logo() -> bytes:
    image = Image.new("RGBA", (960, 300))
    ImageDraw.Draw(image).rounded_rectangle((0, 40, 959, 260), 110, fill=(200, 60, 40, 255))
    return _png(image)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


# --- ourselves and our peers ----------------------------------------------------------------------


def contestants(shop: Shop, material: Path, stack: ExitStack) -> dict[str, Contestant]:
    """Our limits, ourselves, and the peers that this machine can run."""
    found = {
        "raw RSA-2048": repeated(lambda: shop.identity.key.sign(MANIFEST, PKCS1v15(), SHA256())),
        "CMS only": repeated(lambda: shop.identity.sign(MANIFEST)),
        "complete pass": repeated(shop.render),
        "complete pass with its face": repeated(shop.issue),
    }
    write_material(shop, material)
    if shutil.which("openssl"):
        found["wallet-py3k"] = repeated(lambda: wallet_py3k(shop, material))
    else:
        print("wallet-py3k is left out: openssl is not installed")
    try:
        found["passkit-generator"] = stack.enter_context(passkit_generator.running(material))
    except passkit_generator.Missing as reason:
        print(f"passkit-generator is left out: {reason}")
    return found


def write_material(shop: Shop, folder: Path) -> None:
    """Keys, certificates, pictures and a pass.json as files, as the peers want them."""
    identity = shop.identity
    (folder / "key.pem").write_bytes(key_pem(identity.key))
    (folder / "certificate.pem").write_bytes(certificate_pem(identity.certificate))
    (folder / "intermediate.pem").write_bytes(certificate_pem(identity.intermediate))
    (folder / "pass.json").write_bytes(apple.pass_json(shop.faces[3], pass_facts(0), identity))
    for piece in shop.artwork[3]:
        (folder / piece.name).write_bytes(piece.png)


def wallet_py3k(shop: Shop, material: Path) -> bytes:
    """The same card as far as the library goes, by its own `create`."""
    face = shop.faces[3]
    card = wallet.models.StoreCard()
    areas = (
        (card.addHeaderField, face.header),
        (card.addSecondaryField, face.secondary),
        (card.addAuxiliaryField, face.auxiliary),
        (card.addBackField, face.back),
    )
    for add, fields in areas:
        for one in fields:
            add(one.key, one.value, one.label)
    document = wallet.models.Pass(
        card,
        passTypeIdentifier=shop.identity.pass_type_identifier,
        organizationName=face.organization_name,
        teamIdentifier=shop.identity.team_identifier,
    )
    document.serialNumber = f"{next(shop.serials):022}"
    document.barcode = wallet.models.Barcode(face.barcode.message)
    for piece in shop.artwork[3]:
        document.addFile(piece.name, io.BytesIO(piece.png))
    package = document.create(
        certificate=str(material / "certificate.pem"),
        key=str(material / "key.pem"),
        wwdr_certificate=str(material / "intermediate.pem"),
        password="",
    )
    assert isinstance(package, io.BytesIO)
    return package.getvalue()


# --- where the time goes --------------------------------------------------------------------------


def parts(shop: Shop) -> dict[str, Contestant]:
    """The work of one pass, piece by piece, and what the stored hashes save."""
    face, facts, pieces = shop.faces[3], pass_facts(0), shop.artwork[3]
    document = apple.LoyaltyPass(face, facts, shop.identity, pieces).json_dict()
    encoded = to_json(document)
    hashes = {piece.name: piece.sha1 for piece in pieces}
    entries = [(piece.name, piece.png, piece.crc32) for piece in pieces]
    return {
        "rules: the face": repeated(lambda: member_face(3)),
        "document": repeated(
            lambda: apple.LoyaltyPass(face, facts, shop.identity, pieces).json_dict()
        ),
        "checks": repeated(lambda: faults(document, pieces, fields_checked=True)),
        "JSON": repeated(lambda: to_json(document)),
        "hashing and manifest": repeated(lambda: to_json(hashes | {"": _sha1(encoded)})),
        "CMS": repeated(lambda: shop.identity.sign(MANIFEST)),
        "zip": repeated(lambda: pack(entries, [("pass.json", encoded, zlib.crc32(encoded))])),
        "saved: SHA-1 of pictures": repeated(lambda: [_sha1(piece.png) for piece in pieces]),
        "saved: CRC of pictures": repeated(lambda: [zlib.crc32(piece.png) for piece in pieces]),
    }


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def resident_mb() -> float:
    """The memory this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


# --- results --------------------------------------------------------------------------------------


def memory_rows(shop: Shop) -> list[Row]:
    """Resident memory after few and after many passes, no two of them alike."""
    measured = {}
    for number in range(1, MANY + 1):
        shop.issue()
        if number in (FEW, MANY):
            measured[f"memory after {number:,} passes"] = resident_mb()
    (first, few), (last, many) = measured.items()
    return [Row(first, few, "MB"), Row(last, many, "MB", first, many / few)]


def pace_rows(shop: Shop) -> list[Row]:
    """Passes per second of CPU, each beside the limit; then ours beside the peers."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        paces = race(contestants(shop, Path(folder), stack))
    limit, ours = "raw RSA-2048", "complete pass"
    return [
        *(
            Row(name, pace.per_cpu_s, "/CPU-s", limit, pace.beside(paces[limit]))
            for name, pace in paces.items()
        ),
        *(
            Row(
                f"{ours} and {peer}",
                paces[ours].per_cpu_s,
                "/CPU-s",
                peer,
                paces[ours].beside(paces[peer]),
            )
            for peer in paces
            if peer in PEERS
        ),
        Row(f"{ours} by the clock", paces[ours].per_s, "/s"),
    ]


def part_rows(shop: Shop) -> list[Row]:
    """Microseconds of one core's work for each part of a pass."""
    paces = race(parts(shop), seconds=0.03)
    return [
        Row(f"part of a pass: {name}", 1e6 / pace.per_cpu_s, "µs") for name, pace in paces.items()
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = open_shop(Path(folder))
    pictures = sum(len(piece.png) for piece in shop.artwork[3])
    print(f"{len(shop.artwork[3])} pictures of {pictures:,} bytes, {len(shop.issue()):,} in all")
    report([*memory_rows(shop), *pace_rows(shop), *part_rows(shop)])


if __name__ == "__main__":
    main()
