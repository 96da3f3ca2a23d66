"""Who takes part: a file each, which only its own environment can import."""
