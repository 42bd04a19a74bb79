"""What one command leaves for the next, as typed values: no Keras, no TensorFlow, no cleanlab."""
