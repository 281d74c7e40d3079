"""bcrypt beside the event loop, a bounded number at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import bcrypt

from gateway.domain.accounts import PASSWORD_BYTES_MAX

R = TypeVar("R")

NOBODYS_PASSWORD: Final = b"nobody has this password"


class PasswordsBusy(Exception):
    """More sign-ins wait than are worth waiting for."""


class Passwords:
    """Checks cost the same whether the user exists or not, so the time tells nothing."""

    def __init__(self, *, rounds: int, at_once_max: int, waiting_max: int) -> None:
        self._rounds = rounds
        self._waiting = 0
        self._waiting_max = waiting_max
        self._threads = ThreadPoolExecutor(at_once_max, thread_name_prefix="bcrypt")
        self._nobodys_hash = bcrypt.hashpw(NOBODYS_PASSWORD, bcrypt.gensalt(rounds))

    async def hash(self, password: str) -> str:
        """Raises PasswordsBusy. The caller has checked the password's length."""
        hashed = await self._run(lambda: bcrypt.hashpw(password.encode(), bcrypt.gensalt(self._rounds)))
        return hashed.decode("ascii")

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """None: there is no such user, found out in the time that a wrong password takes. Raises PasswordsBusy."""
        given = password.encode()
        possible = password_hash is not None and len(given) <= PASSWORD_BYTES_MAX and b"\0" not in given
        stored = password_hash.encode() if password_hash is not None else self._nobodys_hash
        candidate = given if possible else NOBODYS_PASSWORD[::-1]
        return await self._run(lambda: bcrypt.checkpw(candidate, stored)) and possible

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], R]) -> R:
        if self._waiting >= self._waiting_max:
            raise PasswordsBusy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
