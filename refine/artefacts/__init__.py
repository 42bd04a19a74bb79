"""What one command leaves for the next, as typed values that need neither Keras nor TensorFlow."""
