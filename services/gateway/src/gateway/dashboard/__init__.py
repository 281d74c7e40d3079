"""The operators' pages: plain files, served as they are written, that talk to the public API and nothing else.

Every address below /dashboard/ answers with the one page; its own router shows what the address names, so that
each screen can be linked, bookmarked and reloaded.
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from aiohttp import web

PAGE: Final = "index.html"
ASSETS_PREFIX: Final = "/dashboard/assets/"

CONTENT_TYPES: Final = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}

# Kept by the browser, asked about each time: an upgrade is seen at the next load, an unchanged file costs a 304.
# The strict content security policy that the pages are written for is set for every answer, in gateway.headers.
HEADERS: Final = {"Cache-Control": "no-cache"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    body: bytes
    content_type: str
    etag: str


def add_dashboard(app: web.Application) -> None:
    """Mounts / and /dashboard/…; the files are read once, here."""
    static = read_files(files(__package__) / "static")

    async def to_dashboard(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/dashboard/")

    async def page(request: web.Request) -> web.StreamResponse:
        return answer(request, static[PAGE])

    async def asset(request: web.Request) -> web.StreamResponse:
        found = static.get(request.match_info["path"])
        if found is None:
            raise web.HTTPNotFound
        return answer(request, found)

    app.router.add_get("/", to_dashboard)
    app.router.add_get("/dashboard", to_dashboard)
    app.router.add_get(ASSETS_PREFIX + "{path:.+}", asset)
    app.router.add_get("/dashboard/{view:.*}", page)


def read_files(folder: Traversable, prefix: str = "") -> dict[str, StaticFile]:
    """Relative path to file; a file of an unknown kind fails the start instead of being served as something else."""
    found: dict[str, StaticFile] = {}
    for entry in folder.iterdir():
        path = prefix + entry.name
        if entry.is_dir():
            found |= read_files(entry, f"{path}/")
            continue
        body = entry.read_bytes()
        content_type = CONTENT_TYPES[entry.name.rpartition(".")[2]]
        found[path] = StaticFile(body, content_type, hashlib.sha256(body).hexdigest()[:32])
    return found


def answer(request: web.Request, file: StaticFile) -> web.Response:
    known = {tag.value for tag in request.if_none_match or ()}
    if file.etag in known or "*" in known:
        response = web.Response(status=304, headers=HEADERS)
    else:
        response = web.Response(body=file.body, content_type=file.content_type, charset="utf-8", headers=HEADERS)
        response.enable_compression()
    response.etag = file.etag
    return response
