"""Run by alembic itself, with a connection that has begun its transaction: all steps take effect, or none."""

from alembic import context

from gateway.sinks.history_schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
