"""Necks: modules from a backbone's features to a pyramid. Each is found through ``backbone_hub.necks.v1``."""
