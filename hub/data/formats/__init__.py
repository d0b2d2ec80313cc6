"""The data formats; each one is a `hub.data.Dataset`."""
