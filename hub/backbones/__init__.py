"""Backbones: from a name to a trunk."""
