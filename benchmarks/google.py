"""CPU of one PATCH to Google Wallet, beside a bare `requests` session that sends the same bytes.

Run: python -m benchmarks.google
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import requests

from benchmarks.elsewhere import telling_its_port
from benchmarks.rounds import Contestant, Pace, Row, Stint, race, report
from certs.development import mint_google
from webhooks.couriers.google_answers import Synced
from webhooks.couriers.google_rest import GoogleRest, Upsert

BATCH = 100  # objects the courier is given at once
OURS, BARE = "a PATCH to Google", "a PATCH by requests"
MAX_US = 3_000  # what we allow ourselves

_TEXT = {"defaultValue": {"language": "cs", "value": "Žluťoučký kůň"}}
_OBJECT = {
    "classId": "3388000000022222222.prg_4Qm1bC7dE9fG2hJ4kL6mN8",
    "state": "ACTIVE",
    "loyaltyPoints": {"label": "Stamps", "balance": {"string": "3/10"}},
    "barcode": {"type": "QR_CODE", "value": "7K3QW9X2M4P6R8T0", "renderEncoding": "UTF_8"},
    "heroImage": {"sourceUri": {"uri": f"https://cards.example/i/{'a' * 64}.png"}},
    "textModulesData": [
        {"id": f"text_{n}", "header": "Odměna", "body": "x" * 80} for n in range(6)
    ],
    "linksModuleData": {"uris": [{"id": "web", "uri": "https://cards.example", **_TEXT}]},
}


def measure(rounds: int = 15, seconds: float = 0.5) -> dict[str, Pace]:
    """Both clients' paces, with the sink on the other core."""
    with (
        tempfile.TemporaryDirectory() as folder,
        google_sink() as url,
        _courier(key_file(Path(folder), url), url) as courier,
        _bare(url) as bare,
    ):
        return race({OURS: courier, BARE: bare}, rounds, seconds)


@contextmanager
def google_sink() -> Iterator[str]:
    """The address of a Google that takes everything, in a process of its own."""
    with telling_its_port(sys.executable, "-m", "benchmarks.google_sink") as port:
        yield f"http://127.0.0.1:{port}"


def key_file(folder: Path, url: str) -> Path:
    """A service account whose tokens come from this address."""
    path = mint_google(folder)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"token_uri": f"{url}/token"}))
    return path


@contextmanager
def _courier(account: Path, url: str) -> Iterator[Contestant]:
    courier = GoogleRest(
        account, api_url=url, now=lambda: datetime.now(UTC), reserve=lambda turns: [0.0] * turns
    )
    notices = [_notice(row) for row in range(BATCH)]

    def patch_all() -> int:
        outcomes = [outcome for _, outcome in courier.deliver(notices)]
        assert outcomes == [Synced(has_users=True)] * BATCH
        return BATCH

    yield lambda seconds: _stint(patch_all, seconds)
    courier.close()


def _notice(row: int) -> Upsert:
    resource_id = f"3388000000022222222.pas_{row:022}"
    return Upsert(row, "loyaltyObject", resource_id, {"id": resource_id, **_OBJECT}, notify=True)


@contextmanager
def _bare(url: str) -> Iterator[Contestant]:
    resource = _notice(0)
    address = f"{url}/walletobjects/v1/loyaltyObject/{resource.id}"
    body = json.dumps(resource.body).encode()
    with requests.Session() as session:

        def patch() -> int:
            assert session.patch(address, body, timeout=10).json()["hasUsers"]
            return 1

        yield lambda seconds: _stint(patch, seconds)


def _stint(work: Callable[[], int], seconds: float) -> Stint:
    """Only our own CPU: the sink's is its own."""
    cpu_before, start = time.process_time(), time.perf_counter()
    count = 0
    while (wall_s := time.perf_counter() - start) < seconds:
        count += work()
    return Stint(count, time.process_time() - cpu_before, wall_s)


def rows(paces: dict[str, Pace]) -> list[Row]:
    """Microseconds of CPU for each PATCH; the ratio is how much cheaper the bare one is."""
    ours, bare = paces[OURS], paces[BARE]
    return [
        Row(BARE, 1e6 / bare.per_cpu_s, "µs CPU"),
        Row(OURS, 1e6 / ours.per_cpu_s, "µs CPU", BARE, bare.beside(ours)),
    ]


def main() -> None:
    measured = rows(measure())
    report(measured)
    if measured[-1].value > MAX_US:
        print(f"{OURS} takes more than the {MAX_US:,} µs we allow ourselves")


if __name__ == "__main__":
    main()
