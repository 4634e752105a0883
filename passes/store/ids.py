"""Random names: ids, tokens and codes. The only place that asks the system for randomness."""

import hashlib
import secrets

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 22  # base62 digits that hold 128 bits
# Crockford's base32: QR-alphanumeric, and no letter that is mistaken for a digit at the till.
_CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LENGTH = 16  # 80 bits


def new_id(prefix: str) -> str:
    """`mer_` + 22 base62 characters (128 bits): what the API calls an object."""
    return f"{prefix}_{_base62(secrets.randbits(128))}"


def new_token() -> str:
    """32 random bytes in URL-safe text (43 characters): a bearer secret."""
    return secrets.token_urlsafe(32)


def new_code() -> str:
    """The content of a member's barcode: 16 characters, 80 bits."""
    return "".join(secrets.choice(_CODE_ALPHABET) for _ in range(_CODE_LENGTH))


def digest(secret: str) -> str:
    """SHA-256 in hex: how secrets are stored that we only have to recognise."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _base62(number: int) -> str:
    digits = []
    for _ in range(_ID_LENGTH):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(digits)
