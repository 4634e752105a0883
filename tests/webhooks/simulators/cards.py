"""Real passes for virtual phones, and the ways to spoil them."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from branding.artwork import apple_pieces
from branding.brand import Brand
from branding.colour import BLACK, WHITE, Colour
from branding.palette import Palette
from certs.apple import AppleIdentity
from passes.loyalty.face import PassFace, compute_face
from passes.loyalty.facts import Design, MemberFacts, MerchantFacts, ProgramFacts
from passes.loyalty.stamps import Milestone, StampRules
from passes.wallets.apple import PassFacts, build

SERIAL = "CARD-1"
TOKEN = "t" * 32
SERVICE = "https://cards.example/apple"

Files = dict[str, bytes]
Json = dict[str, Any]


def face(stamps: int = 3, **changes: Any) -> PassFace:
    """A coffee card with so many stamps of ten."""
    return replace(
        compute_face(
            MerchantFacts("Fern & Bean"),
            ProgramFacts("Coffee card", StampRules(10, (Milestone(10, "Free coffee"),))),
            Design(Palette(Colour(23, 69, 59), WHITE, WHITE)),
            MemberFacts("CODE123", stamps, "Anna"),
            "en",
        ),
        **changes,
    )


def card(
    identity: AppleIdentity,
    stamps: int = 3,
    serial: str = SERIAL,
    token: str = TOKEN,
    service: str = SERVICE,
    **changes: Any,
) -> bytes:
    """A good pass, as the service builds it."""
    shown = face(stamps, **changes)
    brand = Brand("Fern & Bean", Colour(23, 69, 59), WHITE, BLACK)
    facts = PassFacts(serial, token, service, "https://cards.example/p/x")
    return build(shown, facts, identity, apple_pieces(brand, shown.stamp_card))


def unzipped(pkpass: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(pkpass)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def spoiled(pkpass: bytes, change: Callable[[Files], object]) -> bytes:
    """The pass with its files changed after it was signed."""
    files = unzipped(pkpass)
    change(files)
    return zipped(files)


def signed_again(files: Mapping[str, bytes], identity: AppleIdentity) -> bytes:
    """A package whose manifest and signature fit its files."""
    hashes = {
        name: hashlib.sha1(content, usedforsecurity=False).hexdigest()
        for name, content in files.items()
        if name not in {"manifest.json", "signature"}
    }
    manifest = json.dumps(hashes).encode()
    return zipped({**files, "manifest.json": manifest, "signature": identity.sign(manifest)})


def rewritten(pkpass: bytes, identity: AppleIdentity, change: Callable[[Json], object]) -> bytes:
    """The pass with another pass.json, properly signed."""
    files = unzipped(pkpass)
    document = json.loads(files["pass.json"])
    change(document)
    files["pass.json"] = json.dumps(document).encode()
    return signed_again(files, identity)


def with_places(pkpass: bytes, identity: AppleIdentity, *places: Json, **changes: Any) -> bytes:
    """The pass with these locations; more keys of its pass.json may be changed."""
    added = {"locations": list(places)} | changes
    return rewritten(pkpass, identity, lambda document: document.update(added))


def now() -> datetime:
    return datetime.now(UTC)
