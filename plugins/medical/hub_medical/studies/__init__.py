"""Studies of several images: datasets, the head, metrics."""
