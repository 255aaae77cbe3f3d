"""`pekat-gateway doctor`: looks at everything that a gateway needs, disturbs nothing, and says what to do."""
