"""What an ended connection to APNs means: libcurl's error numbers and words as outcomes. Pure."""

import re

import pycurl

from webhooks.couriers.outcomes import Halted, Later, Outcome

STREAM_RESET = 92  # CURLE_HTTP2_STREAM, which pycurl has no name for

# Alerts by which a server turns a client certificate down: RFC 8446 §6.2 in OpenSSL's words.
_CERTIFICATE_ALERT = re.compile(
    r"alert (?:[a-z ]*certificate[a-z ]*|unknown ca|access denied|handshake failure)"
)
_UNREACHABLE = frozenset(
    {pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_COULDNT_CONNECT, pycurl.E_SSL_CONNECT_ERROR}
)
_SETUP = {
    pycurl.E_PEER_FAILED_VERIFICATION: "The certificate of {host} cannot be trusted ({words}): "
    "check PASSMINT_APNS_URL; PASSMINT_APNS_CA names the authority of a stand-in for APNs.",
    pycurl.E_SSL_CACERT_BADFILE: "The authorities to trust cannot be read ({words}).",
    pycurl.E_SSL_CERTPROBLEM: "The certificate of {topic} cannot be used for TLS ({words}).",
    pycurl.E_UNSUPPORTED_PROTOCOL: "PASSMINT_APNS_URL must start with https://.",
    pycurl.E_URL_MALFORMAT: "PASSMINT_APNS_URL is no address.",
}


def line_fault(code: int, words: str, host: str, topic: str) -> Outcome | None:
    """What settles every push of the certificate for `topic`; None when another try may help."""
    if alert := _CERTIFICATE_ALERT.search(words):
        return Halted(
            f"{host} refuses the certificate of {topic} ({alert[0]}): "
            "renew it with `passmint certs csr`."
        )
    if code in _UNREACHABLE:
        return Later(f"{host} cannot be reached ({words}).")
    if code in _SETUP:
        return Halted(_SETUP[code].format(host=host, topic=topic, words=words))
    return None


def ended(host: str, words: str) -> Later:
    """A connection ended before its answers came."""
    return Later(f"The connection to {host} ended ({words or 'without a reason'}).")


def no_answer(host: str, timeout_s: float) -> Later:
    """A push was sent and nothing came back."""
    return Later(f"{host} gave no answer within {timeout_s:g} s.")


def not_http2(host: str) -> Later:
    """Something else than APNs answered."""
    return Later(f"{host} does not speak HTTP/2: check PASSMINT_APNS_URL and any proxy on the way.")
