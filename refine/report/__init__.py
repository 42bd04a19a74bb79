"""One self-contained HTML page about a refined map and what it was made of."""
