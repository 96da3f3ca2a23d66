"""Files, memory, threads and signals: what the machine gives, in plain Python."""
