"""Necks: modules that turn the features of a backbone into a pyramid (entry points ``backbone_hub.necks.v1``)."""
