"""Where things lie: the grid of cells, windows, longitudes across 180 degrees, distances and areas."""
