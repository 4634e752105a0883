"""The strict checks before we sign, because Wallet refuses a faulty pass without a reason.

`faults` looks at a whole pass, `check_overrides` at what a template adds to it. Every key is known
or a fault: a misspelt one would be ignored in silence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from branding.artwork import ICON_PT, LOGO_PT, SCALES, STRIP_PT
from branding.piece import Piece
from passes.wallets.apple_document import DOCUMENT, OVERRIDES, Document
from passes.wallets.faults import Fault
from passes.wallets.strict import faults_in, pointer

_KEPT_OUT = {
    "relevantDate": "A day after its date a loyalty card would count as expired.",
    "relevantDates": "A day after its date a loyalty card would count as expired.",
    "nfc": "Phones refuse it unless Apple entitled the certificate to NFC.",
    "suppressStripShine": "It has had no effect since iOS 7.",
    "groupingIdentifier": "Only event tickets and boarding passes are grouped.",
}
_EXACT = {
    f"{name}{suffix}.png": (width * scale, height * scale)
    for name, (width, height) in {"icon": (ICON_PT, ICON_PT), "strip": STRIP_PT}.items()
    for suffix, scale in SCALES.items()
}
_AT_MOST = {
    f"logo{suffix}.png": (LOGO_PT[0] * scale, LOGO_PT[1] * scale)
    for suffix, scale in SCALES.items()
}


def faults(document: Mapping[str, object], pieces: Sequence[Piece]) -> tuple[Fault, ...]:
    """Everything wrong with a pass: `document` is its pass.json, `pieces` are its pictures.

    Pictures are pointed at by file name.
    """
    return (*map(_explained, faults_in(DOCUMENT, document)), *_picture_faults(pieces))


def check_overrides(overrides: Mapping[str, object]) -> tuple[Fault, ...]:
    """Everything wrong with a template's `apple_overrides`, top-level keys merged into pass.json.

    What we write ourselves (identity, token, web service, fields, codes, colours, shops) cannot
    be replaced.
    """
    return tuple(map(_explained, faults_in(OVERRIDES, overrides)))


def _explained(fault: Fault) -> Fault:
    """The fault of an unknown key, told better where we know more about the key."""
    key = fault.pointer.removeprefix("/")
    if fault.code != "key_unknown":
        return fault
    if key in Document.__annotations__:
        return replace(fault, code="key_reserved", detail="We write this key; leave it out.")
    if key in _KEPT_OUT:
        return replace(fault, code="key_refused", detail=_KEPT_OUT[key])
    return fault


def _picture_faults(pieces: Sequence[Piece]) -> Iterator[Fault]:
    """Wallet refuses a pass without icon in silence; a wrong size it cuts."""
    seen: set[str] = set()
    for piece in pieces:
        if piece.name in seen:
            yield Fault(pointer(piece.name), "picture_repeated", "Stands there twice.")
        if (piece.width, piece.height) != _EXACT.get(piece.name) and not _fits(piece):
            detail = "A card has icon (38×38 pt), logo (at most 160×50) and strip (375×144) only."
            yield Fault(pointer(piece.name), "picture_invalid", detail)
        seen.add(piece.name)
    if "icon.png" not in seen:
        yield Fault("/icon.png", "picture_missing", "Every pass needs its icon.")


def _fits(piece: Piece) -> bool:
    width, height = _AT_MOST.get(piece.name, (0, 0))
    return 0 < piece.width <= width and 0 < piece.height <= height
