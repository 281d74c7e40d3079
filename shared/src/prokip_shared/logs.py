"""One JSON line an event: `action` says what happened, `correlation_id` which outside event it belongs to."""

import logging
import sys
from contextvars import ContextVar
from typing import Any, Final, cast

import structlog

CORRELATION_ID: Final[ContextVar[str | None]] = ContextVar("correlation_id", default=None)


def configure_logs(service: str, level: str) -> None:
    """Sends the service's own lines and those of libraries to stdout, in one form."""
    shared: list[structlog.typing.Processor] = [
        _correlated,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, _named(service), structlog.processors.JSONRenderer(default=str)],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                _named(service),  # before the next, which takes away the mark of a library's line
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("action"),
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)


def _named(service: str) -> structlog.typing.Processor:
    def add(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if "event" in event and "action" not in event and "_record" not in event:
            event["action"] = event.pop("event")
        event["service"] = service
        return event

    return add


class Log:
    """A named logger whose first word is the action, stable enough to alert on (`order.parked`)."""

    def __init__(self, component: str) -> None:
        self._logger = cast("structlog.typing.FilteringBoundLogger", structlog.get_logger(component=component))

    def debug(self, action: str, **fields: object) -> None:
        self._logger.debug(action, **fields)

    def info(self, action: str, **fields: object) -> None:
        self._logger.info(action, **fields)

    def warning(self, action: str, **fields: object) -> None:
        self._logger.warning(action, **fields)

    def error(self, action: str, **fields: object) -> None:
        self._logger.error(action, **fields)

    def exception(self, action: str, **fields: object) -> None:
        """For errors that nobody foresaw: the trace goes to the log, never to a caller."""
        self._logger.error(action, exc_info=True, **fields)  # noqa: LOG014  # the caller is in one


class bind_correlation:  # noqa: N801  # used as a function in a with statement
    """Every line logged inside the block carries the id.

    A context variable of our own, set and reset: structlog's would copy a dictionary for each request.
    """

    __slots__ = ("_correlation_id", "_token")

    def __init__(self, correlation_id: str) -> None:
        self._correlation_id = correlation_id

    def __enter__(self) -> None:
        self._token = CORRELATION_ID.set(self._correlation_id)

    def __exit__(self, *_error: object) -> None:
        CORRELATION_ID.reset(self._token)


def _correlated(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    correlation_id = CORRELATION_ID.get()
    if correlation_id is not None:
        event.setdefault("correlation_id", correlation_id)
    return event
