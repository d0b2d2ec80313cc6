"""``hub plugins doctor``: import every plugin and report what is wrong with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hub.cli.display.describe import distribution_of, problem
from hub.cli.examine import Finding, examine
from hub.errors import did_you_mean
from hub.registry import FIRST_PARTY, LOCAL, Entry, entries, shadowed
from hub.registry.installed import one_line, scan
from hub.spec import CONTRACT_VERSION, SPECS, singular

_SWITCHES = ("HUB_DISABLE_PLUGINS", "HUB_PLUGINS")


def diagnose(own_commands: Sequence[str], *, limit_s: float) -> int:
    """Print notes and tracebacks.

    Args:
        own_commands: the subcommands of the hub, whose names no plugin can have.
        limit_s: time in seconds that importing one plugin may take.

    Returns:
        1 if anything is broken, else 0.
    """
    for note in _notes(own_commands):
        print(f"note: {note}")
    if unreadable := scan().unreadable:
        for one in unreadable:
            print(f"broken: the metadata of {one.name} cannot be read: {one.reason}\n  at {one.path}")
        print(
            "no plugin was imported: torch reads the same metadata and fails\n"
            "  fix: install the distribution again, or delete what is left of it, and run this command again"
        )
        return 1
    usable = [e for e in entries() if e.contract == CONTRACT_VERSION]
    findings = examine_apart(usable, limit_s=limit_s)
    broken = 0
    for entry, finding in zip(usable, findings, strict=True):
        for note in finding.notes:
            print(f"note: {note}")
        if finding.trouble is not None:
            broken += 1
            print(f"broken: {entry.id} ({distribution_of(entry)})\n{finding.trouble}")
    print(f"{len(usable) - broken} of {len(usable)} plugins are ok")
    return 1 if broken else 0


def _notes(own_commands: Sequence[str]) -> list[str]:
    """What the metadata alone tell."""
    notes = [
        f"{name}={value} is set, so some plugins are ignored" for name in _SWITCHES if (value := os.environ.get(name))
    ]
    notes += [
        f"several plugins register the {singular(entry.group)} {entry.name!r}: use the full name {entry.id}"
        for entry in shadowed()
    ]
    notes += [
        f"{entry.id} is {why}, so it is not imported"
        for entry in entries()
        if entry.contract != CONTRACT_VERSION and (why := problem(entry))
    ]
    groups = [f"backbone_hub.{kind}.v{CONTRACT_VERSION}" for kind in SPECS]
    known = f" The groups are {', '.join(groups)}"
    notes += [
        f"{one.distribution} has the entry point {one.name!r} in the group {one.group!r}, which the hub does not have."
        f"{did_you_mean(one.group, groups, n=1) or known}"
        for one in scan().misspelt
    ]
    notes += [
        f"the command {entry.name!r} of {entry.id} can never run: `hub {entry.name}` is the hub's own command"
        for entry in entries("commands")
        if entry.name in own_commands
    ]
    return notes


def examine_apart(plugins: Sequence[Entry], *, limit_s: float) -> list[Finding]:
    """Examine each third-party plugin in a process of its own, and the first-party ones together in another.

    Args:
        plugins: to import.
        limit_s: time in seconds for each.

    Returns:
        One finding per plugin, in their order.
    """
    first_party = [e for e in plugins if e.distribution == FIRST_PARTY]
    jobs = [first_party] if first_party else []
    jobs += [[e] for e in plugins if e.distribution not in (FIRST_PARTY, LOCAL)]
    found = {(e.group, e.id): examine(e) for e in plugins if e.distribution == LOCAL}
    if jobs:
        found |= _examine_in_processes(jobs, limit_s)
    return [found[e.group, e.id] for e in plugins]


def _examine_in_processes(jobs: Sequence[Sequence[Entry]], limit_s: float) -> dict[tuple[str, str], Finding]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    names = json.dumps([[f"{e.group}/{e.id}" for e in job] for job in jobs])
    with tempfile.TemporaryDirectory(prefix="hub-doctor-") as folder:
        command = [sys.executable, "-m", "hub.cli.examine", folder, str(limit_s), names]
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        failed = done.stderr.decode("utf-8", errors="replace")
        found: dict[tuple[str, str], Finding] = {}
        for number, job in enumerate(jobs):
            for finding in _findings(Path(folder) / str(number), job, limit_s, failed):
                found[finding.group, finding.id] = finding
    return found


def _findings(result: Path, job: Sequence[Entry], limit_s: float, failed: str) -> list[Finding]:
    """Read what `hub.cli.examine` has written about one job; ``failed`` is the error output of its parent."""

    def read(suffix: str) -> str:
        file = result.with_suffix(suffix)
        return file.read_text("utf-8", errors="replace") if file.exists() else ""

    found = {(f.group, f.id): f for f in (Finding(**json.loads(line)) for line in read(".jsonl").splitlines())}
    if hang := read(".hang"):
        missing = f"importing it did not end within {limit_s:g} s\n{hang}"
    elif code := read(".code"):
        missing = f"importing it ended its process with exit code {code}\n{read('.err')}".rstrip()
    else:
        missing = f"it was not examined\n{failed}".rstrip()
    findings = [found.get((e.group, e.id)) or Finding(e.id, e.group, missing) for e in job]
    if printed := one_line(read(".out")):
        findings[0].notes.append(f"{job[0].id} prints when it is imported: {printed!r}")
    return findings
