"""Checks and statistics of datasets."""
