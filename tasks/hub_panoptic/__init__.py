"""Panoptic segmentation: what the heads before it found, as one map of segments (Kirillov et al. 2019)."""
