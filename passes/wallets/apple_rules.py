"""The strict checks before we sign, because Wallet refuses a faulty pass without a reason.

`faults` looks at a whole pass, `check_overrides` at what a template adds to it. Every key is known
or a fault: a misspelt one would be ignored in silence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import cast

from branding.artwork import ICON_PT, LOGO_PT, SCALES, STRIP_PT
from branding.piece import Piece
from passes.errors import pointer
from passes.wallets.apple_document import DOCUMENT, OVERRIDES, Document
from passes.wallets.apple_fields import BACK_FIELD, Areas, fits_one_card
from passes.wallets.faults import Fault
from passes.wallets.strict import faults_in

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
_PICTURES = "A card has icon (38×38 pt), logo (at most 160×50) and strip (375×144) only."


def faults(
    document: Mapping[str, object], pieces: Sequence[Piece], *, fields_checked: bool = False
) -> tuple[Fault, ...]:
    """Everything wrong with a pass: `document` is its pass.json, `pieces` are its pictures.

    Pictures are pointed at by file name. `fields_checked` says that each field on its own already
    `is_sound_field`, which spares half of the work.
    """
    if fields_checked and fits_one_card(cast("Areas", document["storeCard"])):
        document = {**document, "storeCard": {}}
    return document_faults(document) + _picture_faults(pieces)


def document_faults(document: Mapping[str, object]) -> tuple[Fault, ...]:
    """Everything wrong with a pass.json by itself."""
    return tuple(map(_explained, faults_in(DOCUMENT, document)))


def is_sound_field(field: Mapping[str, object]) -> bool:
    """Whether nothing is wrong with a field of the back, or of the front if it has no link."""
    return BACK_FIELD.validator.isinstance_python(field)


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


def _picture_faults(pieces: Sequence[Piece]) -> tuple[Fault, ...]:
    """Wallet refuses a pass without icon in silence; a wrong size it cuts."""
    names = [piece.name for piece in pieces]
    found = [
        Fault(pointer(piece.name), "picture_invalid", _PICTURES)
        for piece in pieces
        if not _fits(piece.name, piece.width, piece.height)
    ]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        found += [Fault(pointer(n), "picture_repeated", "Stands there twice.") for n in twice]
    if "icon.png" not in names:
        found.append(Fault("/icon.png", "picture_missing", "Every pass needs its icon."))
    return tuple(found)


@lru_cache(maxsize=256)
def _fits(name: str, width: int, height: int) -> bool:
    if name in _EXACT:
        return (width, height) == _EXACT[name]
    most_width, most_height = _AT_MOST.get(name, (0, 0))
    return 0 < width <= most_width and 0 < height <= most_height
