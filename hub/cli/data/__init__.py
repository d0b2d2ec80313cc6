"""The subcommands of ``hub data``, one file each."""
