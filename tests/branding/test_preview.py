import io
from dataclasses import dataclass, replace

import pytest
import zxingcpp
from PIL import Image, ImageChops

from branding.brand import Brand, StampCard
from branding.preview import draw_card
from tests.branding.pictures import GREEN, bean, photograph, wordmark

CODE = "7K3QXW9ZP2MABCDE"
CARD = StampCard(10, 6, frozenset({4, 10}))


@dataclass(frozen=True)
class Field:
    label: str
    value: object


@dataclass(frozen=True)
class Barcode:
    format: str
    message: str = CODE
    alt_text: str = CODE


@dataclass(frozen=True)
class Face:
    rtl: bool = False
    organization_name: str = "Green Bean"
    header: tuple[Field, ...] = (Field("Stamps", "6 of 10"),)
    primary: tuple[Field, ...] = ()
    secondary: tuple[Field, ...] = (Field("Next reward", "Free coffee"),)
    auxiliary: tuple[Field, ...] = (Field("Member", "Alex Novák"),)
    barcode: Barcode | None = Barcode("qr")
    stamp_card: StampCard | None = CARD


def picture(face: Face, brand: Brand = GREEN, width: int = 750) -> Image.Image:
    with Image.open(io.BytesIO(draw_card(face, brand, width))) as image:
        image.load()
        return image


@pytest.mark.parametrize("code", ["qr", "aztec", "pdf417", "code128"])
@pytest.mark.parametrize("width", [375, 750])
def test_the_barcode_on_the_picture_can_be_scanned(code: str, width: int):
    image = picture(Face(barcode=Barcode(code)), width=width)
    assert image.width == width
    assert [found.text for found in zxingcpp.read_barcodes(image.convert("L"))] == [CODE]


def test_a_message_no_barcode_can_hold_is_refused():
    with pytest.raises(ValueError, match="ISO/IEC 8859-1"):
        draw_card(Face(barcode=Barcode("code128", "שלום")), GREEN)


def test_corners_are_round():
    image = picture(Face())
    right, bottom = image.width - 1, image.height - 1
    assert [image.getpixel(at)[3] for at in ((0, 0), (right, 0), (0, bottom), (right, bottom))] == [
        0,
        0,
        0,
        0,
    ]
    assert image.getpixel((right // 2, 0)) == (*GREEN.background.rgb, 255)


def test_a_card_read_from_right_to_left_begins_at_the_right():
    face = Face(header=(), secondary=(), auxiliary=(), barcode=None, stamp_card=None)
    ground = Image.new("RGB", (750, picture(face).height), GREEN.background.rgb)
    left_box = ImageChops.difference(picture(face).convert("RGB"), ground).getbbox()
    hebrew = replace(face, rtl=True, organization_name="קפה")
    right_box = ImageChops.difference(picture(hebrew).convert("RGB"), ground).getbbox()
    assert left_box
    assert left_box[2] < 375
    assert right_box
    assert right_box[0] > 375


@pytest.mark.parametrize(
    "text",
    ["קפה תל אביב", "🎉", "", "x" * 200, "Žluťoučký kůň, őrült", "<b>\n\"&'", "中文", "שלום A"],
)
@pytest.mark.parametrize("rtl", [False, True])
def test_any_text_can_be_drawn_and_stays_on_the_card(text: str, rtl: bool):
    fields = (Field(text, text),) * 4
    face = Face(rtl, text, fields, fields, fields, fields, Barcode("qr", CODE, text))
    image = picture(face).convert("RGB")
    for edge in ((0, 60, 8, 130), (742, 60, 750, 130)):
        assert image.crop(edge).getcolors() == [(8 * 70, GREEN.background.rgb)]


def test_the_strip_follows_the_card():
    assert picture(Face()).tobytes() != picture(Face(stamp_card=StampCard(10, 7))).tobytes()


def test_a_wordmark_stands_instead_of_the_name():
    brand = replace(GREEN, logo=wordmark())
    named = picture(Face(organization_name="One"), brand)
    assert named.tobytes() == picture(Face(organization_name="Two"), brand).tobytes()
    brand = replace(GREEN, logo=bean())
    named = picture(Face(organization_name="One"), brand)
    assert named.tobytes() != picture(Face(organization_name="Two"), brand).tobytes()


def test_a_card_without_stamps_shows_its_picture_under_the_primary_value():
    brand = replace(GREEN, strip=photograph())
    face = Face(primary=(Field("Points", 1250),), stamp_card=None)
    image = picture(face, brand).convert("RGB")
    assert len(image.crop((0, 132, 750, 420)).getcolors(999_999) or []) > 10_000
    assert picture(replace(face, primary=()), brand).tobytes() != picture(face, brand).tobytes()


@pytest.mark.parametrize("width", [375, 600, 750])
def test_a_short_header_is_not_cut_at_any_width(width: int):
    label = "Razítka"
    whole, cut = (Face(header=(Field(label, value),)) for value in ("6 z 10", "6 z…"))
    assert draw_card(whole, GREEN, width) != draw_card(cut, GREEN, width)
