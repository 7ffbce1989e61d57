"""The story that the project tells by itself, and those of others: scripts, and who plays them."""
