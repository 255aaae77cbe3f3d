"""How the server is reached, found and announced."""
