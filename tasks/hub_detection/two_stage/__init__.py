"""The R-CNN family."""
