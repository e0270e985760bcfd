"""How often a request is tried again, and with which delays: calls of the API and downloads alike."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a request is tried again, with exponential backoff and jitter.

    Args:
        attempts: How often a call is tried, at most. A download may fail so often in a row without getting further.
        first_delay: Seconds to wait after the first failure; they double from one to the next.
        max_delay: Seconds to wait at once, at most. A server that requires more (`Retry-After`) is not waited for.
    """

    attempts: int = 6
    first_delay: float = 0.5
    max_delay: float = 60.0

    def delay(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row; random, so that many clients do not come back together.

        Example:
            >>> 1.0 <= RetryPolicy(first_delay=0.5).delay(3) <= 2.0
            True
        """
        return min(self.max_delay, self.first_delay * 2.0 ** max(0, failures - 1)) * random.uniform(0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """When a connection counts as broken.

    Args:
        connect: Seconds to wait for a connection.
        answer: Seconds to wait for the next byte of an answer of the API.
        min_rate: Bytes a second ...
        min_rate_for: ... and for how many seconds a download may be slower.
        assembly: Seconds in which the backend must have put a finished upload together.
    """

    connect: float = 10.0
    answer: float = 60.0
    min_rate: int = 1024
    min_rate_for: float = 30.0
    assembly: float = 600.0


RETRY: Final = RetryPolicy()
"""The usual policy."""
TIMEOUTS: Final = Timeouts()
"""The usual ones."""
