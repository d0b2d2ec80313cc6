"""The command line ``hub COMMAND``: one file per command, imported on use."""

from hub.cli.main import main

__all__ = ["main"]
