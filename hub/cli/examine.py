"""Import plugins in processes of their own and report what happened: ``python -m hub.cli.examine``.

The parent process is `hub.cli.doctor`. A plugin may print, sleep, exit or crash here without harm to it.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import threading
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NoReturn

from hub.errors import ContractError, HubError, MissingRequirementError
from hub.registry import Entry, entries
from hub.registry.entry import import_attribute

SLOW_SPEC_S = 1.0  # a spec is a few strings
SLOW_TARGET_S = 10.0  # beyond torch and timm, which are imported before


@dataclass
class Finding:
    """What importing one plugin showed.

    Attributes:
        id: of the plugin.
        group: of the plugin.
        trouble: a traceback where it is broken, or None.
        notes: what is not a fault but worth knowing.
    """

    id: str
    group: str
    trouble: str | None = None
    notes: list[str] = field(default_factory=list)


def examine(entry: Entry) -> Finding:
    """Import a plugin's spec and target."""
    finding = Finding(entry.id, entry.group)
    try:
        _import(entry, finding)
    except MissingRequirementError as error:  # not broken: the plugin names what it needs
        finding.notes.append(str(error))
    except HubError as error:
        finding.trouble = "".join(traceback.format_exception(error))
    except BaseException as error:  # KeyboardInterrupt: nobody presses Ctrl-C in this process
        finding.trouble = "".join(traceback.format_exception(error))
    return finding


def _import(entry: Entry, finding: Finding) -> None:
    from hub.contract.dataset import Dataset
    from hub.contract.head import Head

    started = time.monotonic()
    spec = entry.spec()
    if (seconds := time.monotonic() - started) > SLOW_SPEC_S:
        finding.notes.append(
            f"{entry.id} takes {seconds:.1f} s to import its spec {entry.value}: keep heavy imports out of that module"
        )
    if spec.name != entry.name:
        finding.notes.append(
            f"the entry point of {entry.id} is named {entry.name!r}, but its spec is named {spec.name!r}: "
            f"users type {entry.name!r}"
        )
    started = time.monotonic()
    target = entry.target()
    if (seconds := time.monotonic() - started) > SLOW_TARGET_S:
        finding.notes.append(f"{entry.id} takes {seconds:.1f} s to import {spec.target}")
    base = {"tasks": Head, "datasets": Dataset}.get(entry.group)
    if base and not (isinstance(target, type) and issubclass(target, base)):
        raise ContractError(
            f"{spec.target} is not a subclass of {base.__module__}.{base.__name__}", fix="derive it from that class"
        )
    if entry.registered is None and import_attribute(entry.value) is not spec:
        finding.notes.append(
            f"importing {spec.target} replaces the spec {entry.value} of {entry.id}: it works only as long as nothing "
            "imports that module first. Give the spec another name than the submodule"
        )


def main(folder: Path, limit_s: float, jobs: list[list[str]]) -> None:
    """Examine plugins, each job in a process of its own that is forked from this one once torch is imported.

    Job number N writes into the folder ``N.jsonl``, a line for each plugin that it came to; ``N.out`` and ``N.err``,
    what was printed; ``N.hang``, where it was when the time was over; and ``N.code``, its exit code.

    Args:
        folder: for the results.
        limit_s: time for each plugin, in seconds.
        jobs: the plugins of each job, each ``group/id``.
    """
    import timm  # noqa: F401 - these two are not the plugins' time
    import torch  # noqa: F401

    for number, wanted in enumerate(jobs):
        process = os.fork()
        if not process:
            _job(folder / str(number), limit_s, wanted)
        _, status = os.waitpid(process, 0)
        (folder / f"{number}.code").write_text(str(os.waitstatus_to_exitcode(status)), encoding="utf-8")


def _job(result: Path, limit_s: float, wanted: list[str]) -> NoReturn:
    """Examine plugins and end the process, whatever threads they have left."""
    for descriptor, suffix in ((1, ".out"), (2, ".err")):
        os.dup2(os.open(result.with_suffix(suffix), os.O_WRONLY | os.O_CREAT), descriptor)
    threads = set(threading.enumerate())
    with result.with_suffix(".jsonl").open("w", encoding="utf-8") as out, result.with_suffix(".hang").open("w") as hang:
        for entry in entries():
            if f"{entry.group}/{entry.id}" not in wanted:
                continue
            faulthandler.dump_traceback_later(limit_s, exit=True, file=hang)
            finding = examine(entry)
            faulthandler.cancel_dump_traceback_later()
            for thread in set(threading.enumerate()) - threads:
                finding.notes.append(f"importing {entry.id} leaves the thread {thread.name!r} running")
                threads.add(thread)
            out.write(json.dumps(asdict(finding)) + "\n")
            out.flush()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), json.loads(sys.argv[3]))
