"""How points are drawn, or given, for a sampling frame."""
