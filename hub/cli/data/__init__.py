"""The subcommands of ``hub data``."""
