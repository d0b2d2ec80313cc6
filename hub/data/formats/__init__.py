"""Readers of annotation formats; each one is a dataset."""
