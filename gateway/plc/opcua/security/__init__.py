"""Who may connect, who may log in, and who may do what."""
