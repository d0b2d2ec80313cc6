"""The command line: ``hub <command>``, one file a command, imported when it is asked for."""

from hub.cli.main import main

__all__ = ["main"]
