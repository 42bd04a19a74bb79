"""What lies on disk between the rooms: the sampling frame, its points, rasters and reviews."""
