"""From a base map to its refined map: which pixels are classified again, and which code each one gets."""
