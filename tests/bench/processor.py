"""Processor time of everything that a benchmark runs, by program: where the cores are full, it tells what latency follows."""

import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODULE: Final = re.compile(rb"\0-m\0([\w.]+)")
NAMES: Final = {"beam.smp": "RabbitMQ", "postgres": "Postgres"}


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    parent: int
    name: str
    command: bytes
    used_s: float
    """In user and kernel mode, its ended children included (fields 14 to 17 of proc_pid_stat(5))."""


def used_s(folder: Path) -> Counter[str]:
    """Seconds of this process and all that it started, and of servers that work below `folder`, by program."""
    processes = {one.pid: one for one in map(_read, _pids()) if one is not None}
    ours = {os.getpid()} | {one.pid for one in processes.values() if os.fsencode(folder) in one.command}
    used: Counter[str] = Counter()
    for one in processes.values():
        if _descends(one, ours, processes):
            used[one.name] += one.used_s  # type: ignore[assignment]  # a counter takes any number
    return used


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _read(pid: int) -> Process | None:
    """None: it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None
    short, _, rest = stat.partition("(")[2].rpartition(")")
    fields = rest.split()
    module = MODULE.search(command)
    name = NAMES.get(short) or (module.group(1).decode() if module else short)
    ticks = sum(int(field) for field in fields[11:15])
    return Process(pid, int(fields[1]), name, command, ticks / os.sysconf("SC_CLK_TCK"))


def _descends(one: Process, ours: set[int], processes: Mapping[int, Process]) -> bool:
    pid = one.pid
    while pid not in ours:
        parent = processes.get(pid)
        if parent is None:
            return False
        pid = parent.parent
    return True
