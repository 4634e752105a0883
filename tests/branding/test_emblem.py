from PIL import Image

from branding.emblem import DETAIL_PX, study
from tests.branding.pictures import art, bean, photograph


def test_a_large_picture_is_remembered_no_larger_than_it_is_ever_drawn() -> None:
    wide = Image.new("RGBA", (1440, 600), "white")
    wide.paste((200, 30, 30, 255), (20, 20, 1420, 580))
    for emblem in (study(art(wide)), study(photograph(1440, 960))):
        assert max(emblem.picture.size) == DETAIL_PX


def test_an_emblem_keeps_the_aspect_of_the_whole_subject() -> None:
    assert study(photograph(1600, 400)).aspect == 4
    assert study(bean()).aspect == 360 / 250


def test_a_small_picture_is_studied_as_it_is() -> None:
    assert study(bean()).picture.size == (250, 360)
    assert study(photograph(300, 200)).picture.size == (200, 200)
