"""The dataset `globeland_samples`, as TFDS expects it: one folder."""
