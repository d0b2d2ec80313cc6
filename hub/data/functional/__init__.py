"""Pure functions on samples that move the image and all of its annotations together."""
