"""Run the migrations over the connection that `database_setup` hands over."""

from alembic import context

from phusong.geodata.database import METADATA, SCHEMA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, version_table_schema=SCHEMA
)
with context.begin_transaction():
    context.run_migrations()
