"""Delays as functions of values, so that the policy is tested without waiting."""


def full_jitter_s(attempt: int, *, base_s: float, cap_s: float, fraction: float) -> float:
    """Between nothing and the capped exponential, so that what failed together does not come back together.

    `attempt` counts from 0; `fraction` is a random number in [0, 1). Why full jitter:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    doublings = min(attempt, 64)  # 2.0 ** 1024 overflows, and any cap is reached long before
    return min(cap_s, base_s * 2.0**doublings) * fraction
