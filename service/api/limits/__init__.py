"""How often one may ask: the policies on one page, who is counted, and where the counts are kept."""

from service.api.limits.limiter import Answered, Asked, Limiter, Verdict

__all__ = ["Answered", "Asked", "Limiter", "Verdict"]
