"""Which certificates are loaded, and how long they last."""

from datetime import datetime

from pydantic import BaseModel

from certs.report import report
from passes.web.api.contract import Call, Reply, Routes

routes = Routes("certificates")


class CertificateView(BaseModel):
    """`state` is ok, renew, urgent, critical or unusable; `message` tells the cure."""

    kind: str
    identifier: str | None
    holder: str | None
    file: str
    not_after: datetime | None
    days_left: int | None
    state: str
    message: str


class CertificatesView(BaseModel):
    """With a `development_authority` real phones refuse the passes."""

    development_authority: bool
    data: list[CertificateView]


@routes.on("GET", "/certificates", scope="programs:write", answer=CertificatesView)
def show(call: Call) -> Reply:
    """What is loaded, what each certificate signs, and the days it has left."""
    here = call.parts
    rows = report(here.keyring, here.authority, here.google, call.now)
    return Reply(
        CertificatesView(
            development_authority=here.authority.development,
            data=[CertificateView.model_validate(row, from_attributes=True) for row in rows],
        )
    )
