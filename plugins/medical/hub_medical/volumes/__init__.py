"""Volumes with geometry: intensity, resampling, slicing."""
