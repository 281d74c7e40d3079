"""The dashboard's files as the gateway serves them; no browser needed."""

import re
from collections.abc import AsyncIterator
from importlib.resources import files

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.dashboard import ASSETS_PREFIX, CONTENT_TYPES, add_dashboard, read_files

STATIC = read_files(files("gateway.dashboard") / "static")
Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    app = web.Application()
    add_dashboard(app)
    async with TestClient(TestServer(app)) as opened:
        yield opened


async def test_the_root_leads_to_the_dashboard(client: Client) -> None:
    async with client.get("/", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "/dashboard/")


@pytest.mark.parametrize("path", ["/dashboard/", "/dashboard/stock", "/dashboard/stock/LOC001/a%2Fb"])
async def test_every_address_of_a_view_answers_with_the_page(client: Client, path: str) -> None:
    async with client.get(path) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/html"
        assert '<main id="main"' in await answer.text()


@pytest.mark.parametrize("path", sorted(STATIC))
async def test_a_file_is_served_with_its_type_and_asked_for_only_once(client: Client, path: str) -> None:
    async with client.get(ASSETS_PREFIX + path) as answer:
        assert answer.status == 200
        assert answer.content_type == CONTENT_TYPES[path.rpartition(".")[2]]
        assert answer.headers["Cache-Control"] == "no-cache"
        etag = answer.headers["ETag"]
    async with client.get(ASSETS_PREFIX + path, headers={"If-None-Match": etag}) as again:
        assert (again.status, await again.read()) == (304, b"")


@pytest.mark.parametrize("path", ["nothing.js", "../__init__.py", "%2e%2e/__init__.py", "views/../../__init__.py"])
async def test_nothing_but_the_static_files_is_served_as_an_asset(client: Client, path: str) -> None:
    async with client.get(ASSETS_PREFIX + path) as answer:
        assert answer.status == 404 or answer.content_type == "text/html"
        assert "add_dashboard" not in await answer.text()


def test_the_page_holds_no_inline_script_style_or_handler() -> None:
    page = STATIC["index.html"].body.decode()
    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", page) == []


def test_nothing_is_loaded_from_another_host() -> None:
    for path, file in STATIC.items():
        addresses = re.findall(r"""(?:src|href|from|import|url\()\s*=?\s*["'(]?(https?:)?//""", file.body.decode())
        assert addresses == [], path


def test_no_data_can_become_markup() -> None:
    for path, file in STATIC.items():
        forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function"
        assert re.findall(forbidden, file.body.decode()) == [], path


def test_every_import_names_a_file_that_exists() -> None:
    for path, file in STATIC.items():
        folder = path.rpartition("/")[0]
        for name in re.findall(r'from "(\.[^"]+)"', file.body.decode()):
            parts = [part for part in folder.split("/") if part]
            for step in name.split("/"):
                if step == "..":
                    parts.pop()
                elif step != ".":
                    parts.append(step)
            assert "/".join(parts) in STATIC, f"{path} imports {name}"
