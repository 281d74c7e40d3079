"""Each package declares what it imports, so that it also runs alone in its image."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MEMBERS = sorted(
    path.parent for pattern in ("shared", "services/*", "deploy/*") for path in ROOT.glob(f"{pattern}/pyproject.toml")
)
DISTRIBUTIONS = packages_distributions()
DATA_ALONE = {"tzdata"}
"""Found by the standard library where it looks for data, so nothing imports it."""


def _imports(folder: Path) -> set[str]:
    found: set[str] = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module.partition(".")[0])
    return found


def _declared(member: Path) -> set[str]:
    project = tomllib.loads((member / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {re.split(r"[=<>\[ ]", name)[0].lower() for name in [project["name"], *project["dependencies"]]}


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: str(member.relative_to(ROOT)))
def test_a_package_declares_every_distribution_that_it_imports(member: Path) -> None:
    needed = {
        DISTRIBUTIONS[name][0].lower()
        for name in _imports(member / "src")
        if name not in sys.stdlib_module_names and name in DISTRIBUTIONS
    }
    # What pydantic itself brings and re-exports counts as pydantic.
    needed = {"pydantic" if name == "pydantic_core" else name.replace("_", "-") for name in needed}
    assert needed <= _declared(member)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: str(member.relative_to(ROOT)))
def test_a_package_uses_every_dependency_that_it_declares(member: Path) -> None:
    used = {
        DISTRIBUTIONS[name][0].lower().replace("_", "-") for name in _imports(member / "src") if name in DISTRIBUTIONS
    }
    # Our own packages may be needed as programs to start, which no import shows.
    assert {name for name in _declared(member) if not name.startswith("prokip-")} - DATA_ALONE <= used


def test_pins_agree_with_the_checkout() -> None:
    pinned = set((ROOT / "requirements.txt").read_text(encoding="utf-8").split())
    for member in MEMBERS:
        project = tomllib.loads((member / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        third_party = {name for name in project["dependencies"] if not name.startswith("prokip-")}
        assert third_party <= pinned


def test_no_file_names_a_package_registry() -> None:
    addresses = re.compile(r"https?://[^\s\"']*(pypi\.org|pythonhosted|registry\.npmjs)")
    for name in ("requirements.txt", "requirements.in", "Makefile", "pyproject.toml", "deploy/Dockerfile"):
        assert not addresses.search((ROOT / name).read_text(encoding="utf-8")), name
