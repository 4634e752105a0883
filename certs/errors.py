"""What can be wrong with who we are: one class, a stable code, a sentence that tells the cure."""


class CertificateError(Exception):
    """A key, certificate or account cannot be used; the message names the file and the cure.

    `code` is stable and meant for machines. No message carries a key or a pass phrase.

    CertificateError
    └── SigningUnavailable   one pass type cannot be signed now, the others are not affected
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SigningUnavailable(CertificateError):
    """Passes of this pass type cannot be signed now; the message tells why."""

    def __init__(self, message: str) -> None:
        super().__init__("apple_signing_unavailable", message)
