"""What a command does, from its request to files on disk."""
