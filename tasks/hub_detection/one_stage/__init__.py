"""RetinaNet and FCOS."""
