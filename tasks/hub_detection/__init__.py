"""Object detection heads, written dense: every shape follows from the batch and the options."""
