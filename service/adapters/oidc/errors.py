"""Why a sign-in through a provider did not come about, in one word that may be logged."""


class ProviderError(Exception):
    """``reason`` is a fixed word of this code's own: never anything a provider or a browser sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProviderUnavailable(ProviderError):  # noqa: N818 - a state of theirs, no fault of ours
    """The provider cannot be reached, is too slow or says it is broken: later it may work."""


class ProviderRefused(ProviderError):  # noqa: N818 - what happened, in the domain's words
    """The provider would not exchange the code: used, too old, or never its own."""


class NotBelieved(ProviderError):  # noqa: N818 - what happened, in the domain's words
    """What came back is not what this provider would say to us about this visit."""
