"""Pushes per second over one connection, beside node's own HTTP/2 client and the same sink.

Run: python -m benchmarks.apns
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from benchmarks.elsewhere import contestant, telling_its_port
from benchmarks.rounds import Contestant, Pace, Row, Stint, race, report
from certs import development, issuing
from certs.apple import AppleIdentity, load_identities
from certs.authority import load_authority
from webhooks.couriers.apns import MAX_IN_FLIGHT, Apns, Push
from webhooks.couriers.outcomes import Delivered

BATCH = 2_000  # pushes the courier is given at once
OURS, NODE = "pushes to APNs", "pushes by node http2"

_SINK, _NODE = (Path(__file__).with_name(name) for name in ("apns_sink.mjs", "apns_node.mjs"))


def measure(rounds: int = 9, seconds: float = 0.7) -> dict[str, Pace]:
    """Both clients' paces, with the sink on the other core."""
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        identity = _prepare(folder, now)
        topic = identity.pass_type_identifier
        with (
            telling_its_port("node", _SINK, folder) as port,
            _courier(folder, identity, port) as courier,
            contestant("node", _NODE, folder, port, topic, MAX_IN_FLIGHT) as node,
        ):
            return race({OURS: courier, NODE: node}, rounds, seconds)


def _prepare(folder: Path, now: datetime) -> AppleIdentity:
    """Our identity, and files for node: server.*, certificate.pem, key.pem, authority.pem."""
    files = development.mint(folder, now)
    authority = load_authority(files.authority)
    identity = load_identities(files.certificates, authority, None, now).only
    assert identity
    chain = issuing.certificate_pem(identity.certificate, identity.intermediate)
    (folder / "certificate.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(issuing.key_pem(identity.key))
    _write_server_identity(folder, now)
    return identity


def _write_server_identity(folder: Path, now: datetime) -> None:
    key = issuing.new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, SHA256())
    )
    (folder / "server.pem").write_bytes(issuing.certificate_pem(certificate))
    (folder / "server.key").write_bytes(issuing.key_pem(key))


@contextmanager
def _courier(folder: Path, identity: AppleIdentity, port: int) -> Iterator[Contestant]:
    courier = Apns(
        f"https://127.0.0.1:{port}",
        lambda _: identity,
        now=lambda: datetime.now(UTC),
        authority_file=folder / "server.pem",
    )
    topic = identity.pass_type_identifier
    pushes = [Push(row, f"{row:064x}", topic) for row in range(BATCH)]

    def work(seconds: float) -> Stint:
        cpu_before, start = time.process_time(), time.perf_counter()
        count = 0
        while (wall_s := time.perf_counter() - start) < seconds:
            for _, outcome in courier.deliver(pushes):
                assert outcome == Delivered()
                count += 1
        return Stint(count, time.process_time() - cpu_before, wall_s)

    yield work
    courier.close()


def rows(paces: dict[str, Pace]) -> list[Row]:
    """The courier beside node by the clock, and its own work for each push."""
    ours, node = paces[OURS], paces[NODE]
    pairs = zip(ours.stints, node.stints, strict=True)
    ratio = statistics.median((a.count / a.wall_s) / (b.count / b.wall_s) for a, b in pairs)
    return [
        Row(NODE, node.per_s, "/s"),
        Row(OURS, ours.per_s, "/s", NODE, ratio),
        Row("a push in the courier", 1e6 / ours.per_cpu_s, "µs CPU"),
        Row("a push in node http2", 1e6 / node.per_cpu_s, "µs CPU"),
    ]


def main() -> None:
    if not shutil.which("node"):
        print("pushes to APNs: left out, node is not installed")
        return
    report(rows(measure()))


if __name__ == "__main__":
    main()
