"""The refined map of a base tile: which pixels are asked again, and what becomes of each."""
