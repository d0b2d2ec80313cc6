"""2D backbones turned into backbones of volumes and studies."""
