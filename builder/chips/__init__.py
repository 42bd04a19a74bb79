"""One picture of one point: footprint, reading, rules, and the store of what was acquired."""
