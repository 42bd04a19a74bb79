"""Beam: thin transforms over the rooms, and the only place in `builder` that imports apache_beam."""
