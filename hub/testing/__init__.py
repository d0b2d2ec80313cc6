"""What plugin authors import to check their plugins."""
