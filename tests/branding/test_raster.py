import io

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from branding import raster
from tests.branding.pictures import RED, encoded, two_halves

BAND = (0, 0, 600, 200)  # the upper half of the test picture


def _near(colour: object, wanted: tuple[int, ...], by: int = 6) -> bool:
    assert isinstance(colour, tuple)
    return all(abs(a - b) <= by for a, b in zip(colour, wanted, strict=True))


def _clean(data: bytes) -> tuple[Image.Image, list[str]]:
    png, notes = raster.decode(data)
    return Image.open(io.BytesIO(png)), notes


def test_metadata_stays_outside() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "a name that must not be published")
    exif = Image.Exif()
    exif[0x010E] = "a place that must not be published"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encoded(two_halves(), pnginfo=notes, exif=exif, dpi=(300, 300), icc_profile=profile)
    png, _ = raster.decode(data)
    assert b"must not be published" in data
    assert (png[12:16], png[37:41]) == (b"IHDR", b"IDAT")
    assert Image.open(io.BytesIO(png)).info == {}


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_a_photo_taken_on_its_side_is_turned_upright(file_format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: show turned by 90° clockwise
    picture, _ = _clean(encoded(two_halves(), file_format, exif=exif))
    assert picture.size == (400, 600)
    assert _near(picture.getpixel((395, 300)), RED)


@pytest.mark.parametrize("mode", ["P", "L", "1", "LA", "RGBA", "I;16"])
def test_every_way_to_store_a_pixel_is_understood(mode: str) -> None:
    if mode == "I;16":
        stored = Image.new("I;16", (600, 400), 0x8000)
        stored.paste(0xFFFF, BAND)
        dark = (128, 128, 128)
    else:
        stored = Image.new("L", (600, 400), 0)
        stored.paste(255, BAND)
        stored, dark = stored.convert(mode), (0, 0, 0)
    opened, _ = _clean(encoded(stored))
    assert opened.mode == "RGB"
    assert _near(opened.getpixel((5, 5)), (255, 255, 255), by=1)
    assert _near(opened.getpixel((5, 395)), dark, by=1)


def test_print_colours_are_not_shown_inverted() -> None:
    picture, _ = _clean(encoded(two_halves("CMYK"), "JPEG"))  # Pillow writes Adobe's inverted CMYK
    assert _near(picture.getpixel((5, 5)), RED)


def test_colours_go_through_the_embedded_profile() -> None:
    swapped = _swapped_srgb()
    picture, notes = _clean(encoded(Image.new("RGB", (600, 400), RED), icc_profile=swapped))
    assert notes == []
    assert _near(picture.getpixel((5, 5)), (RED[1], RED[0], RED[2]), by=8)


def _swapped_srgb() -> bytes:
    """An sRGB profile whose red and green primaries have changed places."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"tmpX").replace(b"gXYZ", b"rXYZ").replace(b"tmpX", b"gXYZ")


@pytest.mark.parametrize("profile", [b"", b"no profile", _swapped_srgb()[:200]])
def test_a_broken_profile_is_ignored_and_told(profile: bytes) -> None:
    picture, notes = _clean(encoded(two_halves(), "JPEG", icc_profile=profile))
    assert _near(picture.getpixel((5, 5)), RED)
    assert notes == (["colour_profile_ignored"] if profile else [])


def test_a_screen_profile_in_a_print_picture_is_ignored_and_told() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    _, notes = _clean(encoded(two_halves("CMYK"), "JPEG", icc_profile=srgb))
    assert notes == ["colour_profile_ignored"]


def test_transparent_borders_are_trimmed() -> None:
    canvas = Image.new("RGBA", (900, 900), (0, 0, 0, 0))
    canvas.paste((*RED, 255), (100, 200, 700, 500))
    canvas.putpixel((0, 0), (0, 0, 0, 4))  # dust
    picture, notes = _clean(encoded(canvas))
    assert (picture.size, notes) == ((600, 300), ["trimmed"])
    assert picture.mode == "RGB"  # nothing transparent is left


@pytest.mark.parametrize("file_format", ["PNG", "GIF"])
def test_transparency_inside_is_kept(file_format: str) -> None:
    canvas = Image.new("RGBA", (600, 400), (*RED, 255))
    canvas.paste((0, 0, 0, 0), (200, 100, 400, 300))
    opened, _ = _clean(encoded(canvas, file_format))
    assert opened.mode == "RGBA"
    assert opened.getchannel("A").getpixel((300, 200)) == 0
    assert opened.getchannel("A").getpixel((5, 5)) == 255


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_a_large_picture_is_scaled_down(file_format: str) -> None:
    picture, _ = _clean(encoded(two_halves(size=(4000, 1000)), file_format))
    assert picture.size == (1440, 360)


def test_scaling_does_not_draw_the_colour_of_transparent_pixels_in() -> None:
    canvas = Image.new("RGBA", (2880, 512), (0, 255, 0, 0))
    canvas.paste((*RED, 255), (0, 0, 2880, 301))
    canvas.paste((*RED, 255), (0, 511, 2880, 512))
    opened, _ = _clean(encoded(canvas))
    edge = opened.getpixel((1000, 150))
    assert isinstance(edge, tuple)
    assert 0 < edge[3] < 255
    assert _near(edge[:3], RED)


@pytest.mark.parametrize("file_format", ["GIF", "PNG"])
def test_of_an_animation_the_first_frame_is_taken(file_format: str) -> None:
    frames = [Image.new("RGB", (600, 400), (0, 0, n * 80)) for n in range(3)]
    first = Image.new("RGB", (600, 400), RED)
    data = encoded(first, file_format, save_all=True, append_images=frames)
    picture, notes = _clean(data)
    assert notes == ["animated_first_frame_used"]
    assert _near(picture.getpixel((5, 5)), RED)
