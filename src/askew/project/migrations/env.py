"""Alembic's entry: the connection is given by `askew.project.store`, which holds the transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
