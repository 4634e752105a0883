"""A merge patch as Google's API reads it (RFC 7396). Pure."""

from collections.abc import Mapping
from typing import Any


def merged(stored: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7396: objects are merged, null deletes, anything else (arrays too) is replaced."""
    result = dict(stored)
    for key, change in changes.items():
        if change is None:
            result.pop(key, None)
        elif isinstance(change, Mapping):
            present = result.get(key)
            result[key] = merged(present if isinstance(present, Mapping) else {}, change)
        else:
            result[key] = change
    return result


def without_nulls(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The patch without its deletions: what must be of the right type."""
    return {
        key: without_nulls(value) if isinstance(value, Mapping) else value
        for key, value in changes.items()
        if value is not None
    }
