"""``ancrage roles``: who may do what, in words."""

import typer

from service.domain.roles_page import roles_page


def roles() -> None:
    """Print who may do what, as docs/roles.md holds it."""
    typer.echo(roles_page(), nl=False)
