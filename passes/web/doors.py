"""The secret of one opened join form: the same form sent twice must not make two members."""

from datetime import datetime

from itsdangerous import BadData, URLSafeSerializer
from pydantic import SecretStr

from passes.store.ids import digest, new_token

_SALT = "join-door"
_LIFE_S = 24 * 3600


def new_door(key: SecretStr, now: datetime, asked: str) -> str:
    """A fresh secret, signed, for a hidden field of a form that asks `asked`; valid 24 hours."""
    return _serializer(key).dumps([new_token(), int(now.timestamp()), digest(asked)])


def open_door(key: SecretStr, signed: str, now: datetime, asked: str) -> str | None:
    """The secret in a form's hidden field.

    None when it is forged, older than 24 hours, or the form showed other questions or other words
    than `asked`: a consent is given to what was read.
    """
    try:
        secret, opened_s, shown = _serializer(key).loads(signed)
    except (BadData, ValueError):
        return None
    is_fresh = int(now.timestamp()) - opened_s <= _LIFE_S
    return str(secret) if is_fresh and shown == digest(asked) else None


def _serializer(key: SecretStr) -> URLSafeSerializer:
    return URLSafeSerializer(key.get_secret_value(), salt=_SALT)
