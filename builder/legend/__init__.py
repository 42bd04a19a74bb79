"""What the classes are, and how each product's codes map to them."""
