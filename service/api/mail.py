"""Mail that came back, told by the mail server that received it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from service.api.dependencies import Configuration, Permitted, WriteSession
from service.api.idempotency import Idempotent, IdempotentRoute
from service.api.problems import problems
from service.core.errors import TooLarge, UnsupportedMediaType
from service.domain import mail
from service.domain.access import Actor
from service.schemas.mail import BounceRead

router = APIRouter(prefix="/v1", tags=["Mail"], route_class=IdempotentRoute)
_MEDIA_TYPE = "message/rfc822"
_MOST_BYTES = 1_048_576
_BODY = {
    "requestBody": {
        "required": True,
        "description": "The message as it arrived, headers included, at most 1 MB.",
        "content": {_MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/mail-bounces", dependencies=[Idempotent], responses=problems(404, 409), openapi_extra=_BODY)
async def report_mail_bounce(
    request: Request,
    session: WriteSession,
    configuration: Configuration,
    actor: Annotated[Actor, Depends(Permitted("mail.report"))],
) -> BounceRead:
    """Report a mail of ours that came back.

    For the mail server that receives what is sent to the bounce address (`MAIL_BOUNCE_ADDRESS`): it pipes
    each message in as it arrived. Understood are delivery status notifications (RFC 3464); anything else,
    such as an automatic answer, is a 422 and may be thrown away, and so may a 404: it is about no mail of
    ours.
    Reporting the same message again changes nothing.

    Example, as a pipe: `curl --data-binary @- -H "Content-Type: message/rfc822" -H "Authorization: Bearer
    ancrage_sk_…" https://api.example.org/v1/mail-bounces`
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _MEDIA_TYPE:
        message = f"Send the message as it arrived, with the header `Content-Type: {_MEDIA_TYPE}`."
        raise UnsupportedMediaType(message)
    raw = await request.body()
    if len(raw) > _MOST_BYTES:
        message = f"A report may have at most {_MOST_BYTES} bytes."
        raise TooLarge(message)
    return await mail.report_bounce(session, actor, raw, bounce_address=configuration.mail_bounce_address)
