"""What the lock screen says after an update. Pure.

Source: Wallet Passes, PassFieldContent.changeMessage, and how phones were seen to use it: one
changed field with a message is announced in its words, several together by one general sentence,
a field without a message in silence.
"""

from collections.abc import Mapping

from webhooks.simulators.pkpass import Package
from webhooks.simulators.strict import AREAS, fields_of

_GENERAL = "Store card changed"


def announcement(old: Package, new: Package) -> str | None:
    """The text that is shown for this change, or None when the phone stays silent."""
    before, after = _fields(old), _fields(new)
    speaking = [
        field
        for key, field in after.items()
        if key in before and before[key].get("value") != field.get("value") and _message(field)
    ]
    if not speaking:
        return None
    message = _message(speaking[0])
    if len(speaking) > 1 or "%@" not in message:
        return _GENERAL
    return message.replace("%@", str(speaking[0].get("value")))


def changed_fields(old: Package, new: Package) -> list[str]:
    """Each field with another value, as `Stamps: 3/10 → 4/10`."""
    before, after = _fields(old), _fields(new)
    return [
        f"{field.get('label') or key}: {before[key].get('value')} → {field.get('value')}"
        for key, field in after.items()
        if key in before and before[key].get("value") != field.get("value")
    ]


def _fields(package: Package) -> dict[str, Mapping[str, object]]:
    every = (one for area in AREAS for one in fields_of(package.document, area))
    return {str(one.get("key")): one for one in every}


def _message(field: Mapping[str, object]) -> str:
    message = field.get("changeMessage")
    return message if isinstance(message, str) else ""
