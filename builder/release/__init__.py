"""What leaves the house: a checked, described and recorded version, and the catalogue."""
