"""What a phone reports to `POST …/v1/log`, in the words of Apple's Wallet daemon. Pure.

The grammar was collected from services that keep these lines: a time stamp in brackets, then a task
with its subject, or the web service with its pass type, then what went wrong.
"""

from datetime import datetime

AUTHENTICATION = "Authentication failure"
INVALID_PASS = "Received invalid pass data."  # noqa: S105  # no password


def unexpected(status: int) -> str:
    """What went wrong when the status was none the phone knows."""
    return f"Unexpected response code {status}"


def task(at: datetime, name: str, subject: str, url: str, trouble: str) -> str:
    """`name` is Register, Unregister, Get pass or Get serial #s; see the subjects below."""
    return (
        f"[{_stamp(at)}] {name} task ({subject}; with web service url {url}) "
        f"encountered error: {trouble}"
    )


def device_subject(device: str, pass_type: str, serial: str) -> str:
    """Of Register and Unregister."""
    return f"for device {device}, pass type {pass_type}, serial number {serial}"


def list_subject(device: str, pass_type: str, tag: str | None) -> str:
    """Of Get serial #s."""
    return f"for device {device}, pass type {pass_type}, last updated {tag or '(null)'}"


def pass_subject(pass_type: str, serial: str, since: str | None) -> str:
    """Of Get pass."""
    return f"pass type {pass_type}, serial number {serial}, if-modified-since {since or '(null)'}"


def service(at: datetime, pass_type: str, url: str, trouble: str) -> str:
    """About the web service as a whole."""
    return f"[{_stamp(at)}] Web service error for {pass_type} ({url}): {trouble}"


def same_tag(serials: int, tag: str) -> str:
    return (
        f"Response to 'What changed?' request included {serials} serial numbers "
        f"but the lastUpdated tag ({tag}) remained the same."
    )


def malformed_list() -> str:
    return "Response to 'What changed?' request was malformed."


def unregistered(serial: str) -> str:
    return f"Update requested for unregistered serial number {serial}"


def unchanged(serial: str) -> str:
    return f"Server requested update to serial number '{serial}', but the pass was unchanged."


def no_last_modified(serial: str) -> str:
    return (
        f"Response to request for serial number '{serial}' "
        "did not provide a 'last-modified' header."
    )


def ignored_condition(since: str) -> str:
    return (
        f"Server ignored the 'if-modified-since' header ({since}) "
        "and returned the full unchanged pass data."
    )


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %I:%M:%S %p %z")
