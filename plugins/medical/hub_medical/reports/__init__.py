"""HTML reports and overlays."""
