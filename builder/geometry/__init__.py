"""Where things lie: the grid of cells, windows and lattices of pixels, longitudes at 180 degrees, the ellipsoid."""
