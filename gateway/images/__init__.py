"""Encoded images as bytes: what their headers say, and whether they may go further. Nothing here decodes one."""
