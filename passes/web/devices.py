"""Which wallet a visitor's device opens: told by its user agent, never by a script."""

import re
from dataclasses import dataclass
from enum import Enum

_IPHONE = re.compile(r"\b(?:iPhone|iPod)\b")
_ANDROID = re.compile(r"\bAndroid\b")
# Browsers inside other apps: they hand a pass over unreliably or not at all.
_IN_APP = re.compile(r"\bInstagram\b|\bFB(?:AN|AV)\b|\bLine/")


class Kind(Enum):
    """iPads and every computer count as DESKTOP: they have no wallet to carry to a till."""

    IPHONE = "iphone"
    ANDROID = "android"
    DESKTOP = "desktop"


@dataclass(frozen=True, slots=True)
class Device:
    """`in_app` is True in the browser of an app, such as Instagram's."""

    kind: Kind
    in_app: bool

    @property
    def wallets(self) -> tuple[str, str]:
        """`apple` and `google`, the one that fits the device first."""
        return ("google", "apple") if self.kind is Kind.ANDROID else ("apple", "google")


def device_of(user_agent: str) -> Device:
    """The device behind a User-Agent header; an unknown one is a desktop."""
    return Device(_kind(user_agent), bool(_IN_APP.search(user_agent)))


def _kind(user_agent: str) -> Kind:
    if _IPHONE.search(user_agent):
        return Kind.IPHONE
    return Kind.ANDROID if _ANDROID.search(user_agent) else Kind.DESKTOP
