"""Whose Prokip is set up, and which locations of it matter; from the directory, which may not have been read yet."""

from prokip_poller.storage.polls import LocationKey
from prokip_shared.connections import ProkipAccount
from prokip_shared.directory import Directory, DirectoryUnavailable


class Accounts:
    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def refresh(self) -> None:
        """Reads the directory now, for those who know that it has just changed."""
        await self._directory.refresh()

    def all(self) -> dict[int, ProkipAccount]:
        """By business; none while the directory has never been read."""
        try:
            return {account.business_id: account for account in self._directory.prokip_accounts()}
        except DirectoryUnavailable:
            return {}

    def of(self, business_id: int) -> ProkipAccount | None:
        return self.all().get(business_id)

    def locations_of(self, account: ProkipAccount) -> list[LocationKey]:
        """The account's own location and those that its stores sell from."""
        stores = self._directory.of_business(account.business_id)
        places = {account.location_id, *(store.location_id for store in stores)}
        return [LocationKey(account.business_id, place) for place in sorted(places)]

    def location_of_store(self, connection_id: int | None) -> str | None:
        """None for no connection, or one that is gone."""
        store = None if connection_id is None else self._directory.by_id(connection_id)
        return None if store is None else store.location_id

    async def check(self) -> str | None:
        """For readiness."""
        try:
            self._directory.prokip_accounts()
        except DirectoryUnavailable:
            return "the directory has not been read yet"
        return None
