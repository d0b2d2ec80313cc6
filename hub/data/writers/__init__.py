"""Writers of data formats, one file each; ``writer`` of a `hub.DatasetSpec` refers to them.

For what a writer gets and returns see `hub.data.writers.output`.
"""
