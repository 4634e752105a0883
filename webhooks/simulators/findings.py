"""What a phone has against a pass, in words: a stable code, the thing at fault, one sentence."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One objection; `fatal` ones make a phone refuse the pass, the others spoil it.

    Printed as `manifest_hash_mismatch(strip.png): …`.
    """

    code: str
    subject: str
    detail: str
    fatal: bool = True

    def __str__(self) -> str:
        return f"{self.code}({self.subject}): {self.detail}"


def blemish(code: str, subject: str, detail: str) -> Finding:
    """An objection that does not keep the pass from being added."""
    return Finding(code, subject, detail, fatal=False)
