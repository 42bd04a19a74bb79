"""What the project claims about speed, memory and accuracy, measured: each module runs with `python -m`."""
