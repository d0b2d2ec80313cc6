"""Panoptic segmentation: the results of the heads before it as one map of segments (Kirillov et al. 2019)."""
