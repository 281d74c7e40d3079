from typing import Annotated

from pydantic import Field

from prokip_shared.settings import OutwardSettings

Seconds = Annotated[float, Field(gt=0, le=3600)]
Share = Annotated[float, Field(ge=0, le=1)]


class PollerSettings(OutwardSettings):
    port: Annotated[int, Field(ge=0, le=65535)] = 8004

    connect_timeout_s: Seconds = 5.0
    read_timeout_s: Seconds = 60.0
    """For one answer to a read; in the simple dialect that is a whole stock list."""
    post_timeout_s: Seconds = 60.0
    """A sale without an answer after it is in doubt. In the connector dialect the wait for its turn is part of it."""
    posting_margin_s: Seconds = 10.0
    """How long after post_timeout_s a request without a stored answer is given up by the other replicas."""
    first_look_s: Seconds = 2.0
    """From a doubt to the first look for it, where Prokip can be asked; looks come at doubling distances."""
    look_timeout_s: Seconds = 300.0
    """One look may read many pages, each at its turn."""
    doubt_look_interval_s: Seconds = 5.0
    """Between two looks of one location. What is in doubt by then is answered by one and the same look."""
    doubt_grace_s: Seconds = 120.0
    """After post_timeout_s and posting_margin_s Prokip may still be finishing a request for so long. Only then a sale that
    it does not show counts as not recorded and is sent again.
    """
    stock_bytes_max: Annotated[int, Field(ge=1024, le=1024**3)] = 64 * 1024 * 1024

    connector_request_interval_s: Annotated[float, Field(ge=0, le=60)] = 1.0
    """Between two requests to one connector account, over all replicas; 0: no pace."""
    connector_request_burst: Annotated[int, Field(ge=1, le=20)] = 3
    """Requests that may come together after a quiet time."""
    connector_failures_max: Annotated[int, Field(ge=1, le=100)] = 5
    """After so many failures in a row one request at a time tries whether that Prokip is back."""

    poll_concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    """Businesses that one process reads at a time."""
    observation_items_max: Annotated[int, Field(ge=1, le=5000)] = 500
    left_out_retry_s: Seconds = 2.0
    """First early read for SKUs that were being sold during a read; doubles up to the usual interval."""
    quiet_after_reads: Annotated[int, Field(ge=1, le=100)] = 2
    """A SKU left out so often in a row is read with postings held."""
    quiet_hold_s_max: Seconds = 30.0
    """Postings of a location are held at most this long for one read."""

    guard_zeroed_share_max: Share = 0.2
    """A read that would bring a larger share of the SKUs to zero waits for a person."""
    guard_changed_share_max: Share = 0.5
    """A read that would change a larger share of the SKUs waits for a person."""
    guard_named_share_min: Share = 0.5
    """A read that names a smaller share of the SKUs that the last one named waits for a person."""
    guard_skus_min: Annotated[int, Field(ge=1, le=1_000_000)] = 20
    """Fewer SKUs than this never make a read wait, so that a small catalogue may sell out."""
    read_kept_s: Annotated[float, Field(gt=0, le=366 * 86400)] = 7 * 86400.0
    """What a read changed can be looked up and undone so long."""

    posting_concurrency: Annotated[int, Field(ge=1, le=64)] = 8
    """Requests that tell Prokip something, at a time, per location and over all replicas."""
    retry_base_s: Seconds = 1.0
    retry_cap_s: Seconds = 300.0
    refused_retry_s: Annotated[float, Field(gt=0, le=7 * 86400)] = 1800.0
