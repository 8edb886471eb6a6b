"""Rights of those who only read."""

from collections.abc import Sequence

from exact_assets.errors import WarehouseError
from exact_assets.warehouse.postgresql.connection import PostgreSQLConnection


def grant_reader(connection: PostgreSQLConnection, role: str, *, schemas: Sequence[str]) -> None:
    """Let a role read all tables and views of schemas, and those to come.

    Raises:
        WarehouseError: there is no such role, or it may do more than read these.
    """
    found = connection.rows(
        "SELECT rolsuper, pg_has_role(rolname, 'pg_read_all_data', 'MEMBER') FROM pg_roles "
        "WHERE rolname = %(role)s",
        role=role,
    )
    quoted = connection.dialect.quoted(role)
    if not found:
        raise WarehouseError(
            f"There is no role {role}: make it first, with CREATE ROLE {quoted} LOGIN PASSWORD '…'."
        )
    if any(found[0]):
        raise WarehouseError(f"The role {role} reads everything as it is: a superuser, or in pg_read_all_data.")
    [(database, owner)] = connection.rows("SELECT current_database(), current_user")
    with connection.transaction():
        connection.run(f"GRANT CONNECT ON DATABASE {connection.dialect.quoted(database)} TO {quoted}")
        for name in schemas:
            schema = connection.dialect.quoted(name)
            connection.run(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            connection.run(f"GRANT USAGE ON SCHEMA {schema} TO {quoted}")
            connection.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {quoted}")
            connection.run(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {connection.dialect.quoted(owner)} IN SCHEMA {schema} "
                f"GRANT SELECT ON TABLES TO {quoted}"
            )
