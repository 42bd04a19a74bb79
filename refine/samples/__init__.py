"""A released dataset, known only through TFDS: its splits, batches of pictures, places and seasons."""
