"""Tokens of a connector account, the same for all replicas: kept sealed, and got by one of them at a time."""

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from prokip_poller.storage.logins import HeldLogin, LoginInHand, Logins
from prokip_shared.database import DATABASE_TROUBLE
from prokip_shared.logs import Log
from prokip_shared.platforms.prokip import InDoubt, Unavailable
from prokip_shared.platforms.prokip_tokens import (
    BadCredentials,
    RefreshRefused,
    SignIn,
    Tokens,
    dump_tokens,
    load_tokens,
)
from prokip_shared.security.vault import Vault, VaultError

RENEW_MARGIN_S_MAX: Final = 300.0
RENEW_MARGIN_SHARE: Final = 0.1
"""Tokens are renewed this share of their life before its end, or the margin where that is less."""

log = Log("tokens")


@dataclass(slots=True)
class KnownToken:
    """What a process knows of one business's token without asking the database."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """So that only one request of the business waits with a database connection."""
    version: int = 0
    access: str | None = field(default=None, repr=False)
    until_s: float = 0.0
    """Monotonic."""

    def usable(self, version: int, now_s: float) -> str | None:
        return self.access if version == self.version and now_s < self.until_s else None

    def forget(self, refused: str) -> None:
        if self.access == refused:
            self.access = None


class KnownTokens:
    """Of all businesses, for all requests of this process: a page of stock must not cost a look at the database.

    Should another replica renew a token early, this one learns of it by a request that is not accepted, once.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self._of: defaultdict[int, KnownToken] = defaultdict(KnownToken)

    def of(self, business_id: int) -> KnownToken:
        return self._of[business_id]


class StoredTokens:
    """Of one business under one version of its settings."""

    def __init__(
        self, logins: Logins, vault: Vault, sign_in: SignIn, known: KnownTokens, *, business_id: int, version: int
    ) -> None:
        self._logins = logins
        self._vault = vault
        self._sign_in = sign_in
        self._known = known.of(business_id)
        self._monotonic = known.monotonic
        self._business_id = business_id
        self._version = version

    async def token(self) -> str:
        known, now_s = self._known, self._monotonic()
        access = known.usable(self._version, now_s)
        if access is not None:
            return access
        try:
            held = await self._logins.read(self._business_id, self._version)
        except DATABASE_TROUBLE as error:
            raise _database_away(error) from None
        tokens = None if held is None or held.due else self._usable(held)
        if held is None or tokens is None:
            return await self._renew(refused=None)
        known.version, known.access = self._version, tokens.access
        known.until_s = now_s + (math.inf if held.usable_s is None else held.usable_s)
        return tokens.access

    async def renewed(self, refused: str) -> str:
        self._known.forget(refused)
        return await self._renew(refused=refused)

    async def _renew(self, *, refused: str | None) -> str:
        """What another one got meanwhile, or a new token. `refused`: the one that Prokip has just not accepted."""
        try:
            async with self._known.lock, self._logins.exclusive(self._business_id, self._version) as login:
                outcome = await self._renew_in_hand(login, refused)
        except DATABASE_TROUBLE as error:
            raise _database_away(error) from None
        if isinstance(outcome, BadCredentials):
            raise outcome
        return outcome.access

    async def _renew_in_hand(self, login: LoginInHand, refused: str | None) -> Tokens | BadCredentials:
        """A refusal is a result: it has to be committed."""
        if login.held.version != self._version:
            raise Unavailable("Prokip's settings have just been changed.")
        known = self._usable(login.held)
        if known is not None and known.access != refused and not login.held.due:
            return known
        try:
            tokens = await self._get(known)
        except BadCredentials as failure:
            log.error("sign_in.refused", business_id=self._business_id, words=failure.words)
            await login.save_refusal(failure.words)
            return failure
        await login.save_tokens(self._seal(tokens), renew_in_s=renew_in_s(tokens.expires_in_s))
        return tokens

    async def _get(self, known: Tokens | None) -> Tokens:
        """A refresh that is refused, or whose answer got lost and may have ended the old pair, is followed by a sign-in
        with the password.
        """
        if known is not None and known.refresh is not None:
            try:
                tokens = await self._sign_in.by_refresh(known.refresh)
            except (RefreshRefused, InDoubt) as failure:
                log.info("tokens.not_refreshed", business_id=self._business_id, cause=type(failure).__name__)
            else:
                log.info("tokens.refreshed", business_id=self._business_id)
                return tokens
        tokens = await self._sign_in.by_password()
        log.info("tokens.signed_in", business_id=self._business_id)
        return tokens

    def _usable(self, held: HeldLogin) -> Tokens | None:
        """Raises BadCredentials where the sign-in has said no under these settings: only new ones change that."""
        if held.refused is not None:
            raise BadCredentials(held.refused)
        if held.tokens is None:
            return None
        try:
            return load_tokens(self._vault.open(held.tokens, context=self._context()))
        except VaultError:
            return None  # sealed with another key; a sign-in gives new ones

    def _seal(self, tokens: Tokens) -> bytes:
        return self._vault.seal(dump_tokens(tokens), context=self._context())

    def _context(self) -> str:
        return f"prokip-tokens:{self._business_id}"


def renew_in_s(expires_in_s: float | None) -> float | None:
    """None: they are used until they are refused."""
    if expires_in_s is None:
        return None
    return expires_in_s - min(RENEW_MARGIN_S_MAX, expires_in_s * RENEW_MARGIN_SHARE)


def _database_away(error: BaseException) -> Unavailable:
    return Unavailable(f"Prokip was not asked: our database is away ({type(error).__name__}).")
