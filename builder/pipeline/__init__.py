"""Apache Beam, and nothing else: the only room of builder that imports it."""
