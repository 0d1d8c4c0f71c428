"""What is held, and what we think of where it came from."""
