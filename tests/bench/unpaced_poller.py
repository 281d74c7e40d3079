"""prokip-poller as it is, without the turns of a connector account (one request a second): else they alone would be timed."""

from contextlib import AbstractAsyncContextManager, nullcontext

from prokip_poller.app import SERVICE
from prokip_poller.pace import AccountPace
from prokip_shared.runtime import run_service


def _at_once(_pace: AccountPace, _wait_s_max: float) -> AbstractAsyncContextManager[None]:
    return nullcontext()


if __name__ == "__main__":
    AccountPace.turn = _at_once  # type: ignore[method-assign,assignment]  # what this module is for
    run_service(SERVICE)
