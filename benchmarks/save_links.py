"""Google save links per CPU second, beside the raw RSA-2048 signature they cannot do without.

Run: python -m benchmarks.save_links
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from benchmarks.rounds import Row, report
from certs.development import mint_google
from certs.google import load_google_identity
from passes.wallets.google import resource_id, save_link

ROUNDS = 9
CALLS = 400  # per round and contestant, about 0.2 s
ISSUER_ID = "3388000000022222222"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def measure() -> tuple[float, float]:
    """Medians over interleaved rounds, per CPU second: raw signatures, save links."""
    with tempfile.TemporaryDirectory() as folder:
        raw, link = _contestants(mint_google(Path(folder)))
    rounds = [(_rate(raw), _rate(link)) for _ in range(ROUNDS)]
    raw_rates, link_rates = zip(*rounds, strict=True)
    return statistics.median(raw_rates), statistics.median(link_rates)


def _contestants(account: Path) -> tuple[Callable[[], object], Callable[[], object]]:
    identity = load_google_identity(account, ISSUER_ID)
    key = load_pem_private_key(json.loads(account.read_bytes())["private_key"].encode(), None)
    assert isinstance(key, RSAPrivateKey)
    class_id = resource_id(ISSUER_ID, "prg_4Qm1bC7dE9fG2hJ4kL6mN8")
    object_id = resource_id(ISSUER_ID, "pas_1aB2cD3eF4gH5iJ6kL7mN8")
    signing_input = save_link(identity, class_id, object_id, now=NOW).rpartition(".")[0].encode()
    return (
        lambda: key.sign(signing_input, PKCS1v15(), SHA256()),
        lambda: save_link(identity, class_id, object_id, now=NOW),
    )


def _rate(call: Callable[[], object]) -> float:
    start = time.process_time()
    for _ in range(CALLS):
        call()
    return CALLS / (time.process_time() - start)


def main() -> None:
    raw_rate, link_rate = measure()
    report([Row("save link", link_rate, "/CPU-s", "raw RSA-2048", link_rate / raw_rate)])


if __name__ == "__main__":
    main()
