"""Converters of detectors that other libraries have trained."""
