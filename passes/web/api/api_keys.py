"""API keys of one merchant."""

from datetime import datetime
from http import HTTPStatus

from pydantic import BaseModel
from sqlalchemy import select

from passes.services import api_keys
from passes.services.drafts import ApiKeyDraft
from passes.store.tables import ApiKey
from passes.web.api.contract import ADMIN, Call, Reply, Routes
from passes.web.api.lists import ListQuery, Page, as_page, page

routes = Routes("api_keys")


class ApiKeyView(BaseModel):
    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None


class NewApiKeyView(ApiKeyView):
    """`secret` is shown this once; only its hash is kept."""

    secret: str


@routes.on(
    "POST",
    "/api_keys",
    scope=ADMIN,
    body=ApiKeyDraft,
    answer=NewApiKeyView,
    status=HTTPStatus.CREATED,
)
def create(call: Call) -> Reply:
    """Mint a key for a merchant. The secret is shown once."""
    draft = call.body(ApiKeyDraft)
    with call.parts.database.writing() as session:
        key, secret = api_keys.mint_key(
            session, call.merchant_id, draft.name, draft.scopes, call.now
        )
    return Reply(NewApiKeyView(**view(key).model_dump(), secret=secret), HTTPStatus.CREATED)


@routes.on("GET", "/api_keys", scope=ADMIN, query=ListQuery, answer=Page[ApiKeyView])
def index(call: Call) -> Reply:
    """List a merchant's keys, revoked ones too."""
    mine = select(ApiKey).where(ApiKey.merchant_id == call.merchant_id)
    with call.parts.database.reading() as session:
        rows, cursor = page(session, mine, ApiKey, call.query(ListQuery))
        return Reply(as_page([view(row) for row in rows], cursor))


@routes.on("DELETE", "/api_keys/<key_id>", scope=ADMIN, status=HTTPStatus.NO_CONTENT)
def revoke(call: Call) -> Reply:
    """Revoke a key: from the next request on it is refused."""
    with call.parts.database.writing() as session:
        api_keys.revoke_key(session, call.merchant_id, call.path["key_id"], call.now)
    return Reply()


def view(key: ApiKey) -> ApiKeyView:
    return ApiKeyView(
        id=key.id,
        name=key.name,
        scopes=key.scopes,
        created_at=key.created_at,
        revoked_at=key.revoked_at,
    )
