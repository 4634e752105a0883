"""Pictures as Google's servers fetch them: each URL once, then kept."""

import io
from collections import OrderedDict
from collections.abc import Callable
from contextlib import closing
from threading import Lock

from PIL import Image

from webhooks.simulators.web import HttpWeb, Unreachable

_KEPT = 256
_MAX_BYTES = 15 << 20
_OK = 200


class PictureError(Exception):
    """A picture that Google could not use; the message names its URL."""

    code = "picture_unusable"


class Pictures:
    """A cache of whole, decodable pictures; safe to use from several threads."""

    def __init__(self, make_web: Callable[[], HttpWeb] = HttpWeb) -> None:
        self._make_web = make_web
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def fetch(self, url: str) -> bytes:
        """The picture at this URL, from the cache if it was ever fetched; raises PictureError."""
        with self._lock:
            if url in self._kept:
                self._kept.move_to_end(url)
                return self._kept[url]
        picture = self._download(url)
        with self._lock:
            self._kept[url] = picture
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return picture

    def forget(self) -> None:
        """Fetch everything anew."""
        with self._lock:
            self._kept.clear()

    def _download(self, url: str) -> bytes:
        with closing(self._make_web()) as web:
            try:
                answer = web.send("GET", url, {"User-Agent": "Googlebot-Image/1.0"})
            except Unreachable as error:
                raise PictureError(str(error)) from error
        media_type = answer.headers.get("content-type", "")
        if answer.status != _OK:
            raise PictureError(f"{url} answered {answer.status}.")
        if not media_type.startswith("image/"):
            raise PictureError(f"{url} came as {media_type or 'nothing'}.")
        if len(answer.body) > _MAX_BYTES:
            raise PictureError(f"{url} has more than {_MAX_BYTES >> 20} MB.")
        _decode(url, answer.body)
        return answer.body


def _decode(url: str, data: bytes) -> None:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureError(f"{url} is no picture that can be decoded.") from error
