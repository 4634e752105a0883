"""One push as an HTTP/2 request of libcurl: what is sent, and what came back."""

from dataclasses import dataclass, field
from pathlib import Path

import pycurl
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certs.apple import AppleIdentity
from webhooks.couriers.apns_answers import Answer, read_answer

PAYLOAD = "{}"  # Apple, "Updating a Pass": an empty JSON dictionary

_MAX_BODY = 4096  # bytes; a reason takes less than a hundred
_RECEIVE_BUFFER, _SEND_BUFFER = 1024, 16_384  # bytes; libcurl's smallest, as we say so little


@dataclass(frozen=True, slots=True)
class Push:
    """One push: `row` is the id of its outbox row, `token` hex, `topic` a pass type identifier."""

    row: int
    token: str = field(repr=False)
    topic: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all pushes; `authority_file` None trusts what this system trusts."""

    url: str
    authority_file: Path | None
    priority: int
    timeout_s: float
    expiration_s: float
    max_in_flight: int


class Request(pycurl.Curl):
    """A libcurl handle that knows its push; set up once, used for many pushes of one certificate.

    `tries` counts the connections that ended under the push.
    """

    def __init__(self, identity: AppleIdentity, terms: Terms) -> None:
        super().__init__()
        self.push = Push(0, "", "")
        self.tries = 0
        self._timeout_us = terms.timeout_s * 1e6
        self._headers: list[str] = []
        self._body = bytearray()
        self._prepare(terms)
        self._identify(identity, terms.authority_file)

    def _prepare(self, terms: Terms) -> None:
        self.setopt(pycurl.NOSIGNAL, 1)
        self.setopt(pycurl.URL, terms.url)
        self.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTPS)
        self.setopt(pycurl.PROXY, "")  # whatever the environment says
        self.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        self.setopt(pycurl.PIPEWAIT, 1)
        self.setopt(pycurl.TIMEOUT_MS, max(int(terms.timeout_s * 1000), 1))
        self.setopt(pycurl.POSTFIELDS, PAYLOAD)
        self.setopt(pycurl.WRITEFUNCTION, self._take)
        self.setopt(pycurl.BUFFERSIZE, _RECEIVE_BUFFER)
        self.setopt(pycurl.UPLOAD_BUFFERSIZE, _SEND_BUFFER)

    def _identify(self, identity: AppleIdentity, authority_file: Path | None) -> None:
        """Certificate and key stay in memory; the intermediate goes along for stand-ins."""
        chain = (identity.certificate, identity.intermediate)
        pem = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
        key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)  # or newer, as APNs demands
        self.setopt(pycurl.SSLCERT_BLOB, pem)
        self.setopt(pycurl.SSLKEY_BLOB, key)
        if authority_file:
            self.setopt(pycurl.CAINFO, str(authority_file))

    def _take(self, chunk: bytes) -> None:
        if len(self._body) < _MAX_BODY:
            self._body += chunk

    def become(self, push: Push, tries: int, headers: list[str]) -> None:
        """Be the request of this push; the same list of headers costs nothing again."""
        self.push, self.tries = push, tries
        self._body.clear()
        self.setopt(pycurl.REQUEST_TARGET, f"/3/device/{push.token}")
        if self._headers is not headers:
            self._headers = headers
            self.setopt(pycurl.HTTPHEADER, headers)

    @property
    def status(self) -> int:
        return self.getinfo(pycurl.RESPONSE_CODE)

    @property
    def is_http2(self) -> bool:
        return self.getinfo(pycurl.INFO_HTTP_VERSION) == pycurl.CURL_HTTP_VERSION_2_0

    @property
    def had_its_time(self) -> bool:
        """Whether most of its time was the server's: it did not wait for a stream, unsent."""
        was_sent = self.getinfo(pycurl.REQUEST_SIZE) > 0
        return was_sent and self.queued_us < self._timeout_us / 2

    @property
    def queued_us(self) -> int:
        """How long it waited in libcurl for a stream of the connection."""
        return self.getinfo(pycurl.QUEUE_TIME_T)

    def answer(self) -> Answer:
        """What came back, once all of it has."""
        retry_after_s = self.getinfo(pycurl.RETRY_AFTER)  # of both forms, seconds and dates
        return read_answer(self.status, bytes(self._body), retry_after_s or None)
