"""What maintainers run: documents, pictures and stored answers, made from the code."""
