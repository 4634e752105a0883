"""Draw one untrusted SVG into a clean PNG with librsvg.

Runs as `python -m branding.svg` inside the sandbox; the web process never imports it. librsvg runs
no script, and reads no file and no address for a document that comes as mere bytes. A logo would
silently lose what it names there, so such a document is refused here with the cure.
"""

from xml.parsers import expat

import pyvips
from PIL import Image

from branding import sandbox
from branding.errors import ImageRejected
from branding.raster import clean, visible_box

SIDE_PX = 1440  # the longest side drawn, whatever size the file names
MIN_SCALE = 0.001  # libvips svgload: scale
WORTHWHILE_ZOOM = 1.5  # a small drawing on a large page is drawn again, closer
MAX_ENTITY_CHARS = 256  # Illustrator declares its namespaces as short entities


def decode(data: bytes) -> tuple[bytes, list[str]]:
    """The drawing on a transparent ground as a clean PNG, with warnings."""
    _refuse_unsafe(data)
    return clean(_draw(data), [])


def _refuse_unsafe(data: bytes) -> None:
    parser = expat.ParserCreate()

    def check_root(element: str, attributes: dict[str, str]) -> None:
        _check_page(element, attributes)
        _check_element(element, attributes)
        parser.StartElementHandler = _check_element

    parser.StartElementHandler = check_root
    parser.EntityDeclHandler = _check_entity
    parser.Parse(data, True)


def _check_page(root: str, attributes: dict[str, str]) -> None:
    if root.rpartition(":")[2] != "svg":
        raise ImageRejected(
            "unsupported_format",
            f"the file is an XML document <{root[:60]}>, not an SVG; export it as SVG or PNG",
        )
    sides = attributes.get("width", "%"), attributes.get("height", "%")
    if "viewBox" not in attributes and any(side.strip().endswith("%") for side in sides):
        raise ImageRejected(
            "svg_size",
            "the SVG has neither a viewBox nor a width and height, so it cannot be enlarged; "
            "export it again with its page size",
        )


def _check_element(element: str, attributes: dict[str, str]) -> None:
    if element.rpartition(":")[2] == "a":
        return
    for name, value in attributes.items():
        if name.rpartition(":")[2] == "href" and not _is_inside(value.strip()):
            raise ImageRejected(
                "svg_unsafe",
                f"the SVG refers to {value[:60]!r} outside of itself; "
                "embed linked pictures and symbols, or export it as PNG",
            )


def _is_inside(reference: str) -> bool:
    return not reference or reference.startswith(("#", "data:"))


def _check_entity(
    name: str,
    is_parameter: bool,
    value: str | None,
    base: str | None,
    system_id: str | None,
    public_id: str | None,
    notation: str | None,
) -> None:
    del base, system_id, public_id, notation
    nests = value is None or "&" in value or "<" in value
    if is_parameter or nests or len(value or "") > MAX_ENTITY_CHARS:
        raise ImageRejected(
            "svg_unsafe",
            f"the SVG declares the entity {name[:60]!r}, which could grow without end; "
            "export it as plain SVG 1.1 or as PNG",
        )


def _draw(data: bytes) -> Image.Image:
    """The visible part of the drawing, about SIDE_PX on its longest side."""
    scale = _scale(pyvips.Image.svgload_buffer(data))
    try:
        page = _pixels(pyvips.Image.svgload_buffer(data, scale=scale))
        left, top, right, bottom = visible_box(page)
        zoom = SIDE_PX / max(right - left, bottom - top)
        if zoom < WORTHWHILE_ZOOM:
            return page
        enlarged = pyvips.Image.svgload_buffer(data, scale=scale * zoom)
        x, y = int(left * zoom), int(top * zoom)
        width = min(int(right * zoom), enlarged.width) - x  # the page was rounded, so clamp
        height = min(int(bottom * zoom), enlarged.height) - y
        return _pixels(enlarged.crop(x, y, width, height))
    except pyvips.Error:
        raise ImageRejected("too_complex", sandbox.TOO_COMPLEX) from None


def _scale(natural: pyvips.Image) -> float:
    scale = SIDE_PX / max(natural.width, natural.height)
    if scale < MIN_SCALE or min(natural.width, natural.height) * scale < 1:
        raise ImageRejected(
            "svg_size",
            f"the SVG is {natural.width} × {natural.height} pixels, which cannot be drawn as a "
            "logo; set the page to the drawing and export it again",
        )
    return scale


def _pixels(drawing: pyvips.Image) -> Image.Image:
    size = drawing.width, drawing.height
    return Image.frombytes("RGBA", size, bytes(drawing.write_to_memory()))


if __name__ == "__main__":
    sandbox.serve(decode)
