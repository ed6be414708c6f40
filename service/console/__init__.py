"""The web pages: signing in, one's own account, and, as it grows, the agents' desk.

One file per subject, one call into a domain verb per route. Every page works without a script.
"""

from service.console import account, letters, signing_in, static
from service.console.problems import ProblemPages

ROUTERS = (static.router, signing_in.router, account.router, letters.router)

__all__ = ["ROUTERS", "ProblemPages"]
