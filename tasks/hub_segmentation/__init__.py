"""Semantic segmentation: a class for every pixel, on raw features or on a pyramid."""
