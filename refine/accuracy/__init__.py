"""Confusion counts that add, every estimate made from them, and a linter for published matrices."""
