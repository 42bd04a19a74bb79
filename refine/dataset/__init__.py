"""A released dataset, known only through TFDS: which one, its splits, batches of pictures."""
