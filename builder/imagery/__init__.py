"""Who has a picture: sources of dated imagery behind one protocol."""
