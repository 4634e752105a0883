"""What a pass says of itself in words: its title, its balance, its notices. Pure."""

from collections.abc import Mapping
from typing import Any


def title_of(class_document: Mapping[str, Any]) -> str:
    """What a phone calls a pass of this class."""
    keys = ("programName", "title", "issuerName", "id")
    return str(next(class_document[key] for key in keys if key in class_document))


def points_of(document: Mapping[str, Any]) -> str:
    """The balance of a pass with its label, as text; empty without one."""
    points = document.get("loyaltyPoints", {})
    value = amount_of(points.get("balance", {}))
    return f"{points.get('label', '')} {value}".strip()


def amount_of(balance: Mapping[str, Any]) -> str:
    """A balance, in whichever of its forms."""
    value = next(iter(balance.values()), "")
    if isinstance(value, Mapping):
        return f"{int(value.get('micros', 0)) / 1e6:.2f} {value.get('currencyCode', '')}"
    return str(value)


def notice_of(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The notice of an update, if it changes a field for which Google has one. Words are ours.

    Google names the balance and, on a class, the tier, "and others".
    """
    balances = [one.get("loyaltyPoints", {}).get("balance") for one in (old, new)]
    if balances[0] != balances[1] and balances[1]:
        return points_of(new)
    if old.get("rewardsTier") != new.get("rewardsTier") and new.get("rewardsTier"):
        return str(new["rewardsTier"])
    return ""
