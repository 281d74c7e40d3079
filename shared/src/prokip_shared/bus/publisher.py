"""Publishing straight to the broker, for what is durable elsewhere or may be said again."""

import time
from collections.abc import Sequence

from prokip_shared.bus import metrics
from prokip_shared.bus.bundles import bundles_of
from prokip_shared.bus.limits import BusLimits
from prokip_shared.bus.port import Broker, Bundle, BusUnavailable, SendReport, Unroutable
from prokip_shared.messages import Message


class MeteredBroker:
    """Counts what a broker's `send` did; everything else goes to the broker itself."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.subscribe = broker.subscribe
        self.check = broker.check

    async def send(self, bundles: Sequence[Bundle]) -> SendReport:
        started = time.perf_counter()
        report = await self._broker.send(bundles)
        metrics.PUBLISH_SECONDS.observe(time.perf_counter() - started)
        for bundle in bundles:
            if bundle.bundle_id in report.confirmed:
                metrics.PUBLISHED.labels(bundle.type).inc(bundle.messages)
            else:
                cause = "unroutable" if bundle.bundle_id in report.unroutable else "unavailable"
                metrics.PUBLISH_FAILED.labels(bundle.type, cause).inc(bundle.messages)
        return report


class BusPublisher:
    """The Publisher of the port."""

    def __init__(self, broker: Broker, limits: BusLimits) -> None:
        self._broker = broker
        self._limits = limits

    async def publish(self, messages: Sequence[Message]) -> None:
        limits = self._limits
        bundles = bundles_of(messages, messages_max=limits.bundle_messages_max, bytes_max=limits.bundle_bytes_max)
        if bundles:
            report = await self._broker.send(bundles)
            for bundle in bundles:
                raise_unless_confirmed(bundle, report)


def raise_unless_confirmed(bundle: Bundle, report: SendReport) -> None:
    if bundle.bundle_id in report.confirmed:
        return
    if bundle.bundle_id in report.unroutable:
        raise Unroutable(f"no queue takes {bundle.queue or bundle.type}")
    raise BusUnavailable(report.problem or "not confirmed")
