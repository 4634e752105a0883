"""When to try again: back-off that doubles, spread at random, and never against the other's wish.

Pure: the randomness is handed in. Full jitter spreads best: Brooker, "Exponential Backoff And
Jitter", AWS Architecture Blog.
"""

from collections.abc import Callable

FIRST_S = 1.0  # the longest wait after the first attempt
LONGEST_ASK_S = 86_400.0  # a Retry-After beyond a day is a mistake of the other side

_DOUBLINGS = 62  # no cap lies beyond


def wait_s(
    attempts: int, after_s: float | None, cap_s: float, uniform: Callable[[float, float], float]
) -> float:
    """Seconds until the next attempt.

    `attempts` were made so far (1 after the first). `after_s` is what the other side asked for,
    or None: it is waited in full, the usual spread comes on top. `cap_s` bounds what we choose
    ourselves, not what was asked. `uniform(a, b)` draws from that range, as `random.uniform`.
    """
    ceiling = min(cap_s, FIRST_S * 2 ** min(max(attempts - 1, 0), _DOUBLINGS))
    asked = min(max(after_s or 0.0, 0.0), LONGEST_ASK_S)
    return asked + uniform(0.0, ceiling)
