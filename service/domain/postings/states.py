"""The life of a posting, as data: which verb leads from where to where."""

from dataclasses import dataclass

from service.models.enums import PostingState


@dataclass(frozen=True, slots=True)
class Transition:
    """A verb: the states it starts from, the one it leads to, and the event it records."""

    verb: str
    origins: frozenset[PostingState]
    target: PostingState
    event: str


PUBLISH = Transition(
    "publish",
    frozenset({PostingState.DRAFT, PostingState.PAUSED, PostingState.EXPIRED}),
    PostingState.PUBLISHED,
    "posting.published",
)
PAUSE = Transition("pause", frozenset({PostingState.PUBLISHED}), PostingState.PAUSED, "posting.paused")
FILL = Transition(
    "fill",
    frozenset({PostingState.PUBLISHED, PostingState.PAUSED}),
    PostingState.FILLED,
    "posting.filled",
)
WITHDRAW = Transition(
    "withdraw",
    frozenset({PostingState.DRAFT, PostingState.PUBLISHED, PostingState.PAUSED}),
    PostingState.WITHDRAWN,
    "posting.withdrawn",
)
EXPIRE = Transition(
    "expire",
    frozenset({PostingState.PUBLISHED, PostingState.PAUSED}),
    PostingState.EXPIRED,
    "posting.expired",
)
# Only a feed brings a posting back that it had stopped listing.
RELIST = Transition(
    "relist",
    frozenset({PostingState.WITHDRAWN, PostingState.EXPIRED}),
    PostingState.PUBLISHED,
    "posting.published",
)
CLOSED = frozenset({PostingState.FILLED, PostingState.WITHDRAWN, PostingState.EXPIRED})
