"""Segmentation of volumes: datasets, heads, metrics, prediction."""
