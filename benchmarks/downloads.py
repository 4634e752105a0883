"""A card's `.pkpass` through gunicorn, and the strips in it drawn cold and taken warm.

Run: python -m benchmarks.downloads
"""

import http.client
import statistics
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.issue import CARD_SIZE, PALETTE, open_shop
from benchmarks.rounds import Row, report
from benchmarks.running import load, running_demo
from branding.artwork import STRIP_PT
from branding.brand import Brand, StampCard
from branding.cache import PieceCache
from branding.piece import Piece
from branding.stamps import draw

PORT = 18480
SECONDS = 4.0
CLIENTS = 4


def download_rows(rsa_s: float) -> list[Row]:
    """`rsa_s` is what one bare signature costs here."""
    local = threading.local()
    with running_demo(PORT) as facts:
        address = urlsplit(facts["pkpass_url"])

        def fetch() -> None:
            if not hasattr(local, "connection"):
                local.connection = http.client.HTTPConnection(str(address.netloc), timeout=10)
            local.connection.request("GET", address.path)
            answer = local.connection.getresponse()
            assert answer.status == 200, answer.status
            answer.read()

        load(fetch, 1.0, CLIENTS)
        done = load(fetch, SECONDS, CLIENTS)
    cpu_ms = done.server_cpu_s / done.count * 1000
    return [
        Row("download", done.count / done.wall_s, "per s"),
        Row("download, p99", done.percentile_ms(0.99), "ms"),
        Row("download, web server CPU", cpu_ms, "ms"),
        Row("download, CPU that is not RSA", (1 - rsa_s * 1000 / cpu_ms) * 100, "%"),
    ]


def strip_rows() -> list[Row]:
    """A flat strip @3x for a count nobody asked for yet, and one that is in the cache."""
    brand = Brand("Strip", PALETTE.background, PALETTE.foreground, PALETTE.label)
    size = (STRIP_PT[0] * 3, STRIP_PT[1] * 3)
    stops = frozenset({4, CARD_SIZE})
    cards = [StampCard(CARD_SIZE, filled, stops) for filled in range(CARD_SIZE + 1)]
    Piece.of("strip@3x.png", draw(brand, cards[0], size))  # the sprites
    cold = [_ms(lambda c=card: Piece.of("strip@3x.png", draw(brand, c, size))) for card in cards]
    cache = PieceCache(1 << 24)
    piece = Piece.of("strip@3x.png", draw(brand, cards[3], size))
    cache.get_or_render(cards[3], lambda: (piece,))
    warm = [_ms(lambda: cache.get_or_render(cards[3], tuple)) for _ in range(100)]
    return [
        Row("strip @3x, cold", statistics.median(cold), "ms"),
        Row("strip @3x, warm", statistics.median(warm), "ms"),
        Row("strip @3x, size", len(piece.png), "bytes"),
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        key = open_shop(Path(folder)).identity.key
    rsa_ms = min(_ms(lambda: key.sign(b"x" * 600, PKCS1v15(), SHA256())) for _ in range(300))
    report([*download_rows(rsa_ms / 1000), *strip_rows()])


def _ms(call: object) -> float:
    start = time.thread_time()
    assert callable(call)
    call()
    return (time.thread_time() - start) * 1000


if __name__ == "__main__":
    main()
