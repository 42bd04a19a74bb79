"""Land cover products on one grid, and where they agree."""
