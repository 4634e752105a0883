"""What a virtual Android reads from an object and its class: texts, rows, pictures, code. Pure.

Rows follow the class's card template; one whose path leads nowhere vanishes without a word, as at
Google. Not for: drawing it (google_card).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webhooks.simulators.google_texts import amount_of, title_of

_BARCODES = {"QR_CODE": "qr", "AZTEC": "aztec", "PDF_417": "pdf417", "CODE_128": "code128"}
_STEP = re.compile(r"\.([A-Za-z]+)|\['([^']+)'\]")
_ITEMS = ("item", "startItem", "middleItem", "endItem")
_DEFAULT_ROW = ["object.loyaltyPoints.balance", "object.secondaryLoyaltyPoints.balance"]
_MOST_ROWS = 3


@dataclass(frozen=True, slots=True)
class Cell:
    """A labelled value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Code:
    """`format` is qr, aztec, pdf417 or code128, empty for those that are not drawn."""

    format: str
    message: str
    alt_text: str


@dataclass(frozen=True, slots=True)
class GoogleFace:
    """The front of a pass. Pictures are URLs, `colour` is #rrggbb, #rgb or empty."""

    issuer: str
    title: str
    colour: str
    logo: str
    hero: str
    rows: tuple[tuple[Cell, ...], ...]
    modules: tuple[Cell, ...]
    code: Code | None


def face_of(document: Mapping[str, Any], class_document: Mapping[str, Any]) -> GoogleFace:
    """The face of an object; its own hero picture goes before the one of the class."""
    sources = {"object": document, "class": class_document}
    rows = [tuple(_cells(paths, sources)) for paths in _row_paths(class_document)]
    modules = [*document.get("textModulesData", ()), *class_document.get("textModulesData", ())]
    return GoogleFace(
        issuer=text_of(class_document, "issuerName"),
        title=text_of(class_document, "programName") or title_of(class_document),
        colour=str(class_document.get("hexBackgroundColor", "")),
        logo=_url(class_document.get("programLogo") or class_document.get("titleImage")),
        hero=_url(document.get("heroImage") or class_document.get("heroImage")),
        rows=tuple(row for row in rows if row),
        modules=tuple(Cell(text_of(one, "header"), text_of(one, "body")) for one in modules),
        code=_code(document),
    )


def text_of(document: Mapping[str, Any], key: str) -> str:
    """A text field, from its localized twin if there is one."""
    twin = document.get(f"localized{key[0].upper()}{key[1:]}", {})
    return str(twin.get("defaultValue", {}).get("value") or document.get(key, ""))


def _row_paths(class_document: Mapping[str, Any]) -> list[list[str]]:
    override = class_document.get("classTemplateInfo", {}).get("cardTemplateOverride", {})
    infos = override.get("cardRowTemplateInfos", ())
    if not infos:
        return [_DEFAULT_ROW]
    rows: list[Mapping[str, Any]] = [next(iter(info.values())) for info in infos[:_MOST_ROWS]]
    return [[_path(row[item]) for item in _ITEMS if item in row] for row in rows]


def _path(item: Mapping[str, Any]) -> str:
    fields = item.get("firstValue", {}).get("fields") or [{}]
    return str(fields[0].get("fieldPath", ""))


def _cells(paths: Sequence[str], sources: Mapping[str, Mapping[str, Any]]) -> list[Cell]:
    found = (_cell(path, sources) for path in paths)
    return [cell for cell in found if cell and cell.value]


def _cell(path: str, sources: Mapping[str, Mapping[str, Any]]) -> Cell | None:
    """What a field path leads to, with the label that stands beside it in the document."""
    start = path.partition(".")[0]
    node: Any = sources.get(start)
    above: Any = None
    for name, module_id in _STEP.findall(path[len(start) :]):
        above, node = node, _inner(node, name, module_id)
    if isinstance(node, Mapping):
        if "body" in node or "localizedBody" in node:
            return Cell(text_of(node, "header"), text_of(node, "body"))
        return Cell(text_of(above or {}, "label"), amount_of(node))
    return Cell("", str(node)) if node is not None else None


def _inner(node: Any, name: str, module_id: str) -> Any:
    if isinstance(node, Mapping):
        return node.get(name)
    modules = node if isinstance(node, list) else ()
    return next((one for one in modules if one.get("id") == module_id), None)


def _url(image: Mapping[str, Any] | None) -> str:
    return str((image or {}).get("sourceUri", {}).get("uri", ""))


def _code(document: Mapping[str, Any]) -> Code | None:
    """Without a value the account's id is encoded and shown."""
    barcode = document.get("barcode")
    if not barcode:
        return None
    account = str(document.get("accountId", ""))
    message = str(barcode.get("value") or account)
    text = str(barcode.get("alternateText") or account or message)
    return Code(_BARCODES.get(barcode.get("type", ""), ""), message, text)
