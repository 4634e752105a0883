"""Pictures and brands for the tests, drawn here so that none has to be stored."""

import io
import random

from PIL import Image, ImageDraw

from branding.brand import Art, Brand
from branding.colour import Colour
from branding.piece import Piece

RED = (200, 30, 40)
GREEN = Brand(
    name="Green Bean",
    background=Colour(31, 58, 46),
    foreground=Colour(246, 239, 224),
    label=Colour(224, 182, 103),
)


def encoded(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def art(image: Image.Image) -> Art:
    return Art.of(encoded(image))


def two_halves(mode: str = "RGB", size: tuple[int, int] = (600, 400)) -> Image.Image:
    """RED above, blue below: orientation and colours can be told."""
    image = Image.new("RGB", size, (30, 40, 200))
    image.paste(RED, (0, 0, size[0], size[1] // 2))
    return image.convert(mode)


def bean() -> Art:
    """A cut-out logo of two colours, higher than wide."""
    image = Image.new("RGBA", (250, 360))
    pen = ImageDraw.Draw(image)
    pen.ellipse((0, 0, 249, 359), fill=(90, 50, 20, 255))
    pen.line([(135, 20), (90, 140), (160, 240), (115, 340)], fill=(230, 170, 90, 255), width=25)
    return art(image)


def wordmark() -> Art:
    """A white cut-out, five times as wide as high."""
    image = Image.new("RGBA", (1000, 200))
    ImageDraw.Draw(image).rounded_rectangle((0, 0, 999, 199), 60, fill="white")
    return art(image)


def square_icon() -> Art:
    """White on a full red square, as app icons are."""
    image = Image.new("RGBA", (300, 300), (220, 40, 60, 255))
    ImageDraw.Draw(image).ellipse((70, 70, 230, 230), fill="white")
    return art(image)


def photograph(width: int = 800, height: int = 450) -> Art:
    """Noise of many colours: the hardest thing to keep small and to stay legible on."""
    chance = random.Random(7)  # noqa: S311 - the same picture every time
    coarse = Image.frombytes("RGB", (32, 18), chance.randbytes(32 * 18 * 3))
    return art(coarse.resize((width, height), Image.Resampling.BICUBIC))


def decoded(piece: Piece) -> Image.Image:
    with Image.open(io.BytesIO(piece.png)) as image:
        image.load()
        return image
