"""The modern generation's limit of calls: so many in a minute that begins with the first of them."""

import math
from dataclasses import dataclass, field

from prokip_sandbox.values import Clock

WINDOW_S = 60.0


@dataclass
class Throttle:
    """One user's calls; the simulated business has one user."""

    clock: Clock
    _ends_s: float = field(default=0.0, init=False)
    _used: int = field(default=0, init=False)

    def take(self, per_min: int) -> tuple[bool, dict[str, str]]:
        """Whether one more call is let through, and the headers that tell the caller about it."""
        now_s = self.clock()
        if now_s >= self._ends_s:
            self._ends_s, self._used = now_s + WINDOW_S, 0
        allowed = self._used < per_min
        self._used += allowed
        headers = {"X-RateLimit-Limit": str(per_min), "X-RateLimit-Remaining": str(max(0, per_min - self._used))}
        if not allowed:
            headers["Retry-After"] = str(math.ceil(self._ends_s - now_s))
            headers["X-RateLimit-Reset"] = str(math.ceil(self._ends_s))
        return allowed, headers
