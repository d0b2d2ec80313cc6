"""Weights from other libraries."""
