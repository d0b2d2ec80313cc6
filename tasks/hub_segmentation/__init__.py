"""Semantic segmentation: a class for every pixel, from raw features or a pyramid."""
