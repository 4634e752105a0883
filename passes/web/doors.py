"""The secret of one opened join form: the same form sent twice must not make two members."""

from datetime import datetime

from itsdangerous import BadData, URLSafeSerializer
from pydantic import SecretStr

from passes.store.ids import new_token

_SALT = "join-door"
_LIFE_S = 24 * 3600


def new_door(key: SecretStr, now: datetime) -> str:
    """A fresh secret, signed, for a hidden field of the form; valid 24 hours."""
    return _serializer(key).dumps([new_token(), int(now.timestamp())])


def open_door(key: SecretStr, signed: str, now: datetime) -> str | None:
    """The secret in a form's hidden field; None when it is forged, or older than 24 hours."""
    try:
        secret, opened_s = _serializer(key).loads(signed)
    except BadData:
        return None
    return secret if int(now.timestamp()) - opened_s <= _LIFE_S else None


def _serializer(key: SecretStr) -> URLSafeSerializer:
    return URLSafeSerializer(key.get_secret_value(), salt=_SALT)
