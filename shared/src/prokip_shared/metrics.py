"""Prometheus metrics, one registry a process; names start with `prokip_`."""

from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest

LATENCY_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

HTTP_REQUEST_SECONDS: Final = Histogram(
    "prokip_http_request_seconds", "Time to answer a request", ("service", "route", "status"), buckets=LATENCY_BUCKETS_S
)
SIDE_TASKS_ALIVE: Final = Gauge("prokip_side_tasks_alive", "Side tasks that run", ("service",))
UNEXPECTED_ERRORS: Final = Counter("prokip_unexpected_errors_total", "Requests that nobody foresaw", ("service",))


def render_metrics() -> bytes:
    return generate_latest(REGISTRY)
