"""The RabbitMQ adapter (3.10 to 4.x): quorum queues, confirms, manual acknowledgement, reconnects of our own.

Publishing and consuming have a connection each: a broker under a memory or disk alarm stops reading from
connections that publish (https://www.rabbitmq.com/docs/connection-blocked), and acknowledgements must go on then.
Whatever breaks (connection, channel, a consumer that the broker cancelled because its queue was deleted), the whole
link is built again: one path of recovery, and it declares everything anew.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from functools import partial
from typing import Final, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import NAMESPACE_OID, UUID, uuid5

import aio_pika
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractExchange,
    AbstractIncomingMessage,
    AbstractQueue,
    HeadersType,
)
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, DeliveryError, PublishError

from prokip_shared.bus.backoff import full_jitter_s
from prokip_shared.bus.failures import describe
from prokip_shared.bus.limits import BusLimits
from prokip_shared.bus.port import Bundle, Delivery, Intake, SendReport
from prokip_shared.bus.topology import Binding
from prokip_shared.logs import Log

EVENTS_EXCHANGE: Final = "prokip.events"
DEAD_EXCHANGE: Final = "prokip.dead"
DEAD_SUFFIX: Final = ".dead"
DEAD_PREFETCH: Final = 1  # what kills its consumer must not age others with it
DEAD_DELIVERIES_MAX: Final = 1_000_000  # 4.x drops at 20 where no limit is given; 3.10 knows no "unlimited"
CLOSE_TIMEOUT_S: Final = 2.0

BROKER_ERRORS: Final = (AMQPError, ChannelInvalidStateError, OSError, EOFError, TimeoutError)
LINK_ERRORS: Final = (*BROKER_ERRORS, RuntimeError)  # aio-pika's word for a connection lost while things are declared

log = Log("bus.rabbitmq")


class Link:
    """One connection that is made again whenever it, or anything on it, breaks.

    `build` declares and opens everything on a fresh connection; `forget` drops what belonged to one that is gone.
    """

    def __init__(
        self,
        broker_url: str,
        name: str,
        limits: BusLimits,
        *,
        build: Callable[[AbstractConnection], Awaitable[None]],
        forget: Callable[[], None],
    ) -> None:
        self._url = _with_defaults(broker_url, name, limits)
        self._name = name
        self._limits = limits
        self._build = build
        self._forget = forget
        self._broken = asyncio.Event()
        self._reason = ""
        self.problem: str | None = "not connected yet"

    async def run(self) -> None:
        failures = 0
        limits = self._limits
        while True:
            try:
                async with asyncio.timeout(limits.connect_timeout_s):
                    connection = await aio_pika.connect(self._url)
                    await self._build_or_close(connection)
                self.problem = None
                failures = 0
                log.info("bus.connected", link=self._name)
                await self._until_broken(connection)
            except LINK_ERRORS as error:
                self._note_loss(error)
            except asyncio.CancelledError as error:
                if is_being_cancelled():
                    raise
                self._note_loss(error)  # the library cancels what waits on a channel that has gone
            finally:
                self._forget()
            fraction = random.random()  # noqa: S311  # spreads load, guards nothing
            await asyncio.sleep(
                full_jitter_s(failures, base_s=limits.reconnect_base_s, cap_s=limits.reconnect_cap_s, fraction=fraction)
            )
            failures += 1

    def _note_loss(self, error: BaseException) -> None:
        self.problem = f"not connected to RabbitMQ: {describe(error)}"
        log.warning("bus.disconnected", link=self._name, reason=describe(error))

    def break_up(self, reason: str) -> None:
        """Has the link built again; for whoever notices that it does not work."""
        self._reason = reason
        self._forget()  # at once: nobody else should wait on it
        self._broken.set()

    async def watch(self, channel: AbstractChannel) -> None:
        """From now on the end of this channel, or of a consumer on it, ends the link."""
        broken = self._broken  # of this connection: a late callback must not break up the next one

        def on_end(_sender: object, _error: BaseException | None = None) -> None:
            broken.set()

        channel.close_callbacks.add(on_end)
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(on_end)

    async def _build_or_close(self, connection: AbstractConnection) -> None:
        self._broken = asyncio.Event()
        self._reason = "the broker closed a channel or cancelled a consumer"
        try:
            await self._build(connection)
        except BaseException:
            await _close(connection)
            raise

    async def _until_broken(self, connection: AbstractConnection) -> None:
        closed = asyncio.ensure_future(connection.closed())
        broken = asyncio.ensure_future(self._broken.wait())
        try:
            await asyncio.wait({closed, broken}, return_when=asyncio.FIRST_COMPLETED)
            if closed.done():
                self._reason = "the connection was closed"
        finally:
            self._forget()
            closed.cancel()
            broken.cancel()
            await _close(connection)
        raise ConnectionResetError(self._reason)


class ConfirmedSender:
    """Confirmed, persistent, mandatory publishes, pipelined on one channel."""

    def __init__(self, broker_url: str, service: str, limits: BusLimits, queues: Sequence[Binding]) -> None:
        name = f"prokip-{service}-publish"
        self.link = Link(broker_url, name, limits, build=self._open_channel, forget=self._forget)
        self._limits = limits
        self._queues_known = queues
        self._service = service
        self._events: AbstractExchange | None = None
        self._queues: AbstractExchange | None = None
        self._in_doubt = False
        self._probing = False

    async def _open_channel(self, connection: AbstractConnection) -> None:
        await declare_queues(connection, self._queues_known, self._limits)
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await self.link.watch(channel)
        self._events = await declare_events(channel)
        self._queues = channel.default_exchange

    def _forget(self) -> None:
        self._events = None
        self._queues = None

    async def send(self, bundles: Sequence[Bundle]) -> SendReport:
        """After a confirm that did not come in time one send at a time tries, and all others fail at once.

        So a broker that is frozen, or blocked by an alarm, does not make every caller wait the whole time-out.
        """
        if self._events is None or self._queues is None:
            return SendReport(problem=self.link.problem or "not connected to RabbitMQ")
        if self._in_doubt and self._probing:
            return SendReport(problem="the broker does not confirm in time")
        self._probing = self._in_doubt
        try:
            publishes = [self._publish(self._events, self._queues, bundle) for bundle in bundles]
            outcomes = await asyncio.gather(*publishes, return_exceptions=True)
        finally:
            self._probing = False
        report = _report(bundles, outcomes)
        timed_out = any(isinstance(outcome, TimeoutError) for outcome in outcomes)
        if timed_out:
            self.link.break_up(f"no confirm within {self._limits.publish_timeout_s} s")
        self._in_doubt = timed_out or (self._in_doubt and not report.confirmed)
        return report

    async def _publish(self, events: AbstractExchange, queues: AbstractExchange, bundle: Bundle) -> None:
        headers: HeadersType = {"attempts": bundle.attempts, "count": bundle.messages}
        message = aio_pika.Message(
            bundle.body,
            headers=headers,
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=str(bundle.bundle_id),
            type=bundle.type,
            app_id=self._service,
        )
        exchange, routing_key = (events, bundle.type) if bundle.queue is None else (queues, bundle.queue)
        await exchange.publish(message, routing_key, mandatory=True, timeout=self._limits.publish_timeout_s)


def _report(bundles: Sequence[Bundle], outcomes: Sequence[BaseException | None]) -> SendReport:
    confirmed: set[UUID] = set()
    unroutable: set[UUID] = set()
    problem: str | None = None
    for bundle, outcome in zip(bundles, outcomes, strict=True):
        match outcome:
            case None:
                confirmed.add(bundle.bundle_id)
            case PublishError():
                unroutable.add(bundle.bundle_id)
            case DeliveryError():
                problem = "refused by the broker: the queue is full"
            case TimeoutError():
                problem = "not confirmed in time"
            case AMQPError() | ChannelInvalidStateError() | OSError() | asyncio.CancelledError():
                problem = f"connection lost before the confirm: {describe(outcome)}"
            case _:
                raise outcome
    return SendReport(frozenset(confirmed), frozenset(unroutable), problem)


class RabbitBroker:
    """`run` must run: it makes and remakes both connections."""

    def __init__(self, broker_url: str, service: str, limits: BusLimits, queues: Sequence[Binding]) -> None:
        self._limits = limits
        self._sender = ConfirmedSender(broker_url, service, limits, queues)
        self._intakes: list[RabbitIntake] = []
        name = f"prokip-{service}-consume"
        self._consuming = Link(broker_url, name, limits, build=self._attach_intakes, forget=self._detach_intakes)
        self._subscribed = asyncio.Event()
        self.send = self._sender.send

    def subscribe(self, queue: str, topic: str, prefetch_bundles: int) -> Intake:
        intake = RabbitIntake(queue, topic, prefetch_bundles, self._limits)
        self._intakes.append(intake)
        self._subscribed.set()
        self._consuming.break_up(f"{queue} was subscribed to")
        return intake

    async def check(self) -> str | None:
        if self._sender.link.problem is not None:
            return self._sender.link.problem
        if not self._intakes:
            return None
        if self._consuming.problem is not None:
            return self._consuming.problem
        deaf = [intake.queue for intake in self._intakes if not intake.consuming]
        return f"not consuming {', '.join(deaf)}" if deaf else None

    async def run(self) -> None:
        # The library logs each failed attempt as an error with its trace; the links say the same once, in our form.
        logging.getLogger("aiormq").setLevel(logging.CRITICAL)
        async with asyncio.TaskGroup() as links:
            links.create_task(self._sender.link.run())
            links.create_task(self._consume_once_subscribed())

    async def _consume_once_subscribed(self) -> None:
        await self._subscribed.wait()
        await self._consuming.run()

    async def _attach_intakes(self, connection: AbstractConnection) -> None:
        for intake in list(self._intakes):
            await intake.attach(connection, self._consuming)

    def _detach_intakes(self) -> None:
        for intake in self._intakes:
            intake.detach()


class RabbitIntake:
    """One queue and its dead-letter queue, buffered as far as the prefetch allows."""

    def __init__(self, queue: str, topic: str, prefetch_bundles: int, limits: BusLimits) -> None:
        self.queue = queue
        self._topic = topic
        self._prefetch_bundles = prefetch_bundles
        self._limits = limits
        self._buffer: deque[Delivery] = deque()
        self._arrived = asyncio.Event()
        self._stopped = False
        self._consumers: list[tuple[AbstractQueue, str]] = []
        self._settled: dict[Hashable, SettledTags] = {}

    @property
    def consuming(self) -> bool:
        return bool(self._consumers) or self._stopped

    async def attach(self, connection: AbstractConnection, link: Link) -> None:
        if self._stopped:
            return
        await declare_queues(connection, [Binding(self.queue, self._topic)], self._limits)
        consumers = []
        for queue, prefetch, exhausted in (
            (self.queue, self._prefetch_bundles, False),
            (self.queue + DEAD_SUFFIX, DEAD_PREFETCH, True),
        ):
            channel = await connection.channel(publisher_confirms=False)
            await link.watch(channel)
            await channel.set_qos(prefetch_count=prefetch)
            consumable = await channel.get_queue(queue, ensure=False)
            consumers.append((consumable, await consumable.consume(partial(self._on_delivery, exhausted))))
        self._consumers = consumers

    def detach(self) -> None:
        self._consumers = []
        self._settled.clear()
        self._buffer.clear()  # the broker gives these again

    async def _on_delivery(self, exhausted: bool, message: AbstractIncomingMessage) -> None:  # noqa: FBT001  # partial
        if self._stopped:
            await _answer(message.nack(requeue=True))
        elif not message.channel.is_closed:
            self._buffer.append(Delivery(bundle_of_amqp(message), message, exhausted))
            self._arrived.set()

    async def take(self, messages_max: int) -> list[Delivery]:
        while not self._stopped:
            if self._buffer:
                return self._pop(messages_max)
            self._arrived.clear()
            await self._arrived.wait()
        return []

    def _pop(self, messages_max: int) -> list[Delivery]:
        popped: list[Delivery] = []
        messages = 0
        while self._buffer and (not popped or messages + self._buffer[0].bundle.messages <= messages_max):
            popped.append(self._buffer.popleft())
            messages += popped[-1].bundle.messages
        return popped

    async def settle(self, deliveries: Sequence[Delivery]) -> None:
        """One acknowledgement for all that came one after the other, as the bundles of a batch usually do."""
        for channel, messages in _by_channel(deliveries).items():
            told = self._settled.setdefault(channel, SettledTags())
            covered = told.settle(messages)
            for tag, message in messages.items():
                if tag >= covered:
                    await _answer(message.ack(multiple=tag == covered))

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        for channel, messages in _by_channel(deliveries).items():
            self._settled.setdefault(channel, SettledTags()).settle(messages)
            for message in messages.values():
                await _answer(message.nack(requeue=True))

    async def stop(self) -> None:
        self._stopped = True
        self._arrived.set()
        unworked = list(self._buffer)
        self._buffer.clear()
        for queue, tag in self._consumers:
            await _answer(queue.cancel(tag, timeout=CLOSE_TIMEOUT_S))
        await self.release(unworked)


class SettledTags:
    """Which deliveries of a channel are settled. A channel numbers its deliveries from 1, without gaps."""

    def __init__(self) -> None:
        self._below = 1
        self._above: set[int] = set()

    def settle(self, tags: Collection[int]) -> int:
        """The highest of `tags` at or below which everything is settled now: it can be answered for all of them.

        0 where there is none.
        """
        self._above.update(tags)
        while self._below in self._above:
            self._above.remove(self._below)
            self._below += 1
        return max((tag for tag in tags if tag < self._below), default=0)


def _by_channel(deliveries: Sequence[Delivery]) -> dict[Hashable, dict[int, AbstractIncomingMessage]]:
    """Messages by channel and delivery tag; those of a channel that has gone will come again and are left out."""
    found: dict[Hashable, dict[int, AbstractIncomingMessage]] = {}
    for delivery in deliveries:
        message = cast("AbstractIncomingMessage", delivery.receipt)
        try:
            channel = message.channel
        except ChannelInvalidStateError:
            continue
        if message.delivery_tag is not None:
            found.setdefault(channel, {})[message.delivery_tag] = message
    return found


async def declare_events(channel: AbstractChannel) -> AbstractExchange:
    return await channel.declare_exchange(EVENTS_EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)


async def declare_queues(connection: AbstractConnection, queues: Sequence[Binding], limits: BusLimits) -> None:
    """Each with its dead-letter queue; what is there already stays as it is."""
    async with connection.channel(publisher_confirms=False) as channel:
        events = await declare_events(channel)
        dead = await channel.declare_exchange(DEAD_EXCHANGE, aio_pika.ExchangeType.DIRECT, durable=True)
        for one in queues:
            dead_queue = await channel.declare_queue(
                one.queue + DEAD_SUFFIX, durable=True, arguments=dead_queue_arguments(limits)
            )
            await dead_queue.bind(dead, one.queue)
            queue = await channel.declare_queue(one.queue, durable=True, arguments=queue_arguments(one.queue, limits))
            await queue.bind(events, one.topic)


def queue_arguments(queue: str, limits: BusLimits) -> HeadersType:
    """No loss on the way to the dead-letter queue needs at-least-once, and that needs reject-publish.

    https://www.rabbitmq.com/docs/quorum-queues#activating-at-least-once-dead-lettering
    """
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": limits.deliveries_max,
        "x-dead-letter-exchange": DEAD_EXCHANGE,
        "x-dead-letter-routing-key": queue,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        "x-max-length": limits.queue_bundles_max,
    }


def dead_queue_arguments(limits: BusLimits) -> HeadersType:
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DEAD_DELIVERIES_MAX,
        "x-overflow": "reject-publish",
        "x-max-length": limits.queue_bundles_max,
    }


def bundle_of_amqp(message: AbstractIncomingMessage) -> Bundle:
    """Also of a message that another hand published: it must reach the parked table, not stop the consumer."""
    try:
        bundle_id = UUID(message.message_id or "")
    except ValueError:
        bundle_id = uuid5(NAMESPACE_OID, message.body.hex())
    return Bundle(
        bundle_id,
        message.type or message.routing_key or "",
        message.body,
        _count(message.headers, "count", 1),
        _count(message.headers, "attempts", 0),
    )


def _count(headers: HeadersType, name: str, default: int) -> int:
    value = headers.get(name)
    return value if isinstance(value, int) and value >= 0 else default


def _with_defaults(broker_url: str, name: str, limits: BusLimits) -> str:
    """The operator's address with a heartbeat, and a name that the management page shows; what it says itself wins."""
    parts = urlsplit(broker_url)
    query = {"heartbeat": str(limits.heartbeat_s), "name": name, **dict(parse_qsl(parts.query))}
    return urlunsplit(parts._replace(query=urlencode(query)))


def is_being_cancelled() -> bool:
    """Whether somebody wants the current task to end, rather than something it waits for having been cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _close(connection: AbstractConnection) -> None:
    """Politely where the broker still answers; a broken connection has nothing left to lose."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await connection.close()
    except BROKER_ERRORS as error:
        log.debug("bus.close_failed", reason=describe(error))


async def _answer(answer: Awaitable[object]) -> None:
    """Acknowledgements on a channel that has gone mean nothing: the broker delivers again, the inbox knows it."""
    try:
        await answer
    except BROKER_ERRORS as error:
        log.debug("bus.answer_lost", reason=describe(error))
