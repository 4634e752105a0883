"""How the local Google is set: its clock, its review, its limits and its moods."""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from webhooks.simulators.google_ecv2 import Flaw
from webhooks.simulators.script import told


class KnobError(Exception):
    """A setting that cannot be; the message names it and what it may be."""

    code = "knob_invalid"


class Knobs(BaseModel):
    """All settings; what is not said is as at Google on a good day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ahead_s: float = 0  # Google's clock against ours; negative: behind
    token_lifetime_s: int = Field(default=3599, ge=1)
    account_enabled: bool = True  # false: the token endpoint knows no such account
    account_linked: bool = True  # false: the account is no user of the issuer (403)
    rate_per_s: float | None = Field(default=20, gt=0)  # null: no limit
    notices_per_day: int = Field(default=3, ge=0)  # per pass; Google: 3 in 24 hours
    dwell_s: float = Field(default=10, ge=0)  # near a place before its notice (assumed)
    review: Literal["approve", "hold", "reject"] = "approve"  # of classes that ask for review
    demo: bool = False  # an issuer in demo mode: only testers can save
    testers: tuple[str, ...] = ()
    fetch_images: bool = True  # false: every picture is believed
    refuse_long_links: bool = True  # more than 1,800 characters
    unproven_reasons: bool = True  # false: reasons nobody has seen are left out
    legacy_answers: bool = True  # the old lowerCamel names and `kind`, as the live API answers
    robots: bool = True  # robots.txt is asked before a callback
    hold_callbacks: bool = False  # kept until released
    callback_copies: int = Field(default=1, ge=1, le=10)
    callback_flaw: Flaw | None = None
    callback_waits_s: tuple[float, ...] = (1, 5, 30)  # before each further try (assumed)


class Panel:
    """The knobs in force, and the time at Google; safe to use from several threads."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._knobs = Knobs()
        self._lock = Lock()

    @property
    def knobs(self) -> Knobs:
        return self._knobs

    def turn(self, changes: dict[str, object]) -> Knobs:
        """Set some knobs; KnobError leaves all as they were."""
        with self._lock:
            try:
                self._knobs = Knobs.model_validate(self._knobs.model_dump() | changes)
            except ValidationError as error:
                raise KnobError(told(error)) from error
            return self._knobs

    def reset(self) -> None:
        """A good day again."""
        self._knobs = Knobs()

    def now(self) -> datetime:
        """The time by Google's clock."""
        return self._now() + timedelta(seconds=self._knobs.ahead_s)
