"""The gateway as a service of the operating system: it says when it is ready, that it lives, and that it stops."""
