"""Checks of datasets, and their statistics."""
