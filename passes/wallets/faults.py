"""What is wrong with a wallet's document, as values: one shape for Apple's and Google's checks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: a JSON pointer (RFC 6901) to it, a stable code, a sentence that tells the cure.

    The sentence never repeats the value: documents carry members' names.
    """

    pointer: str
    code: str
    detail: str
