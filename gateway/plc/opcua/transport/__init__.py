"""What may come over a connection, from bytes to requests: asyncua's transport with the checks that it leaves out."""
