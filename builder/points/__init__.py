"""Where to look: the sampling frame and its points."""
