"""What an example is: assembled, written in shards, read back and checked."""
