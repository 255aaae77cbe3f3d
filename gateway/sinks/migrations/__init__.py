"""How an older journal becomes one of this version: numbered steps, run by alembic (`history_schema.prepare`)."""
