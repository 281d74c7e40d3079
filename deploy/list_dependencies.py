"""Prints the third-party requirements of the packages in the given folders, for image builds and install tests."""

import sys
import tomllib
from pathlib import Path

OWN_PREFIX = "prokip-"


def third_party(folders: list[str]) -> list[str]:
    wanted: set[str] = set()
    for folder in folders:
        project = tomllib.loads((Path(folder) / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        wanted.update(name for name in project["dependencies"] if not name.startswith(OWN_PREFIX))
    return sorted(wanted)


if __name__ == "__main__":
    sys.stdout.write("\n".join(third_party(sys.argv[1:])) + "\n")
