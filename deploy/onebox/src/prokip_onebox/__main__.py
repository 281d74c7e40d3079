"""`python -m prokip_onebox`: the whole system on this machine until Ctrl-C. `… migrate`: only the database."""

import argparse
import asyncio
import os
import sys
from dataclasses import dataclass
from importlib import import_module

from prokip_onebox.app import run
from prokip_onebox.config import OneboxSettings
from prokip_onebox.ports import first_taken
from prokip_onebox.processes import StartFailed
from prokip_onebox.programs import SERVICE_MODULES
from prokip_shared.runtime import migrate_service
from prokip_shared.settings import SettingsError, load_settings

EXIT_BAD_SETTING = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="prokip_onebox", description="prokip-sync on one machine")
    parser.add_argument("command", nargs="?", default="run", choices=("run", "migrate"))
    command = parser.parse_args().command
    try:
        settings = load_settings(OneboxSettings, os.environ)
    except SettingsError as error:
        return _refuse(str(error))
    if command == "migrate":
        if settings.database_url is None:
            return _refuse("DATABASE_URL: is not set; `make run` migrates its embedded database by itself")
        asyncio.run(_migrate_all(Database(settings.database_url, settings.broker_url)))
        return 0
    taken = first_taken(settings.host, settings.ports())
    if taken is not None:
        return _refuse(taken)
    code = 0
    try:
        code = asyncio.run(run(settings))
    except* StartFailed as failed:
        sys.stderr.write(f"{failed.exceptions[0]}\n")
        code = 1
    return code


def _refuse(line: str) -> int:
    sys.stderr.write(f"{line}\n")
    return EXIT_BAD_SETTING


@dataclass(frozen=True, slots=True)
class Database:
    database_url: str
    broker_url: str


async def _migrate_all(database: Database) -> None:
    for module in SERVICE_MODULES:
        service = import_module(f"{module}.app").SERVICE
        for name in await migrate_service(service, database):
            sys.stdout.write(f"{service.schema}: applied {name}\n")


if __name__ == "__main__":
    sys.exit(main())
