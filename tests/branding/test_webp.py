import io

import pytest
from PIL import Image, ImageCms

from branding import webp
from branding.errors import ImageRejected

RED, BLUE = (200, 30, 40), (30, 40, 200)


def _webp(picture: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, "WEBP", lossless=True, method=0, **options)
    return out.getvalue()


def _clean(data: bytes) -> tuple[Image.Image, list[str]]:
    png, notes = webp.decode(data)
    return Image.open(io.BytesIO(png)), notes


def _halves() -> Image.Image:
    """Red above, blue below."""
    picture = Image.new("RGB", (600, 400), BLUE)
    picture.paste(RED, (0, 0, 600, 200))
    return picture


def test_pixels_come_through_unchanged() -> None:
    picture, notes = _clean(_webp(_halves()))
    assert (picture.mode, picture.size, notes) == ("RGB", (600, 400), [])
    assert (picture.getpixel((5, 5)), picture.getpixel((5, 395))) == (RED, BLUE)


def test_a_photo_taken_on_its_side_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: show turned by 90° clockwise
    picture, _ = _clean(_webp(_halves(), exif=exif))
    assert picture.size == (400, 600)
    assert picture.getpixel((395, 300)) == RED


def test_transparency_inside_is_kept_and_around_is_trimmed() -> None:
    canvas = Image.new("RGBA", (600, 400))
    canvas.paste((*RED, 255), (100, 100, 500, 300))
    canvas.paste((0, 0, 0, 0), (200, 150, 300, 250))
    picture, notes = _clean(_webp(canvas))
    assert (picture.mode, picture.size, notes) == ("RGBA", (400, 200), ["trimmed"])
    assert picture.getchannel("A").getpixel((150, 100)) == 0


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.new("RGB", (60, 40), (0, 0, n * 80)) for n in range(3)]
    first = Image.new("RGB", (60, 40), RED)
    picture, notes = _clean(_webp(first, save_all=True, append_images=frames))
    assert notes == ["animated_first_frame_used"]
    assert picture.getpixel((5, 5)) == RED


def test_a_colour_profile_is_applied() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert _clean(_webp(_halves(), icc_profile=profile))[1] == ["colour_profile_ignored"]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert _clean(_webp(_halves(), icc_profile=profile))[1] == []


def test_a_large_picture_is_scaled_down() -> None:
    assert _clean(_webp(_halves().resize((4000, 1000))))[0].size == (1440, 360)


def test_more_than_25_megapixels_are_refused() -> None:
    with pytest.raises(ImageRejected) as refused:
        webp.decode(_webp(Image.new("RGB", (5001, 5000))))
    assert refused.value.reason == "too_many_pixels"
