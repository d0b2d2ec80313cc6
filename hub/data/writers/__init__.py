"""Writing data formats: one file each, named by ``writer`` in the format's `hub.DatasetSpec`.

`hub.data.writers.output` says what a writer is given and what it returns.
"""
