"""What leaves the house: examples, checks, releases and the catalogue."""
