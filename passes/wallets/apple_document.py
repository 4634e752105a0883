"""pass.json of a loyalty card as types: the keys Wallet reads, and what each may hold.

Keys of boarding passes and event tickets are left out on purpose. Sources: Apple, Wallet Passes
(Pass). Each autumn's new keys are added here, with the iOS that first reads them. Not for: fields
and codes (see apple_fields), how a face becomes a pass (see apple), pictures and the wording of
faults (see apple_rules).
"""

from functools import lru_cache
from typing import Annotated, Literal, Required
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from passes.settings import is_loopback
from passes.wallets.apple_fields import Codes, LegacyCode, PosterGeneric, StoreCard
from passes.wallets.strict import STRICT, FreeJson, Moment, Otherwise, Text, Words

_DANGEROUS_SCHEMES = {"about", "blob", "data", "file", "javascript", "vbscript"}


@lru_cache(maxsize=16)  # a service has one
def _reachable(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not (safe and host) or parts.path.rstrip("/").endswith("/v1"):
        raise ValueError
    return url


def _harmless(url: str) -> str:
    if url.partition(":")[0].lower() in _DANGEROUS_SCHEMES:
        raise ValueError
    return url


_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
Colour = Annotated[
    str,
    StringConstraints(pattern=rf"^rgb\({_OCTET}, ?{_OCTET}, ?{_OCTET}\)$"),
    Otherwise("colour_invalid", "Must be written rgb(r, g, b), each from 0 to 255."),
]
Link = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$"),
    AfterValidator(_harmless),
    Otherwise(
        "url_invalid",
        "Must be a URL in ASCII with its scheme, but not javascript:, data: or file:.",
    ),
]


@with_config(STRICT)
class Location(TypedDict, total=False):
    """A shop whose neighbourhood brings the card to the lock screen."""

    latitude: Required[Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]]
    longitude: Required[Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]]
    relevantText: Words


@with_config(STRICT)
class Beacon(TypedDict, total=False):
    """A Bluetooth beacon that does the same."""

    proximityUUID: Required[
        Annotated[
            str,
            StringConstraints(pattern="^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"),
            Otherwise("uuid_invalid", "Must be a UUID."),
        ]
    ]
    major: Annotated[int, Field(ge=0, le=65_535)]
    minor: Annotated[int, Field(ge=0, le=65_535)]
    relevantText: Words


@with_config(STRICT)
class FeaturedAction(TypedDict, total=False):
    """A button on the card."""

    identifier: Required[Words]
    type: Required[Words]  # membershipBenefits, order, shop, call, place …
    url: Link
    placeIdentifier: Words


def _leads_somewhere(action: FeaturedAction) -> FeaturedAction:
    if ("placeIdentifier" if action["type"] == "place" else "url") not in action:
        raise PydanticCustomError(
            "target_missing", "An action of type place needs placeIdentifier, any other a url."
        )
    return action


@with_config(STRICT)
class Overrides(TypedDict, total=False):
    """What a template may add in `apple_overrides`."""

    logoText: Text
    associatedStoreIdentifiers: list[Annotated[int, Field(ge=1)]]
    appLaunchURL: Link
    maxDistance: Annotated[float, Field(gt=0, allow_inf_nan=False)]  # metres; the smaller one wins
    beacons: Annotated[list[Beacon], Field(max_length=10)]  # iOS 7, as the next two
    expirationDate: Moment
    userInfo: FreeJson
    sharingProhibited: bool  # iOS 11
    semantics: FreeJson  # iOS 12
    featuredActions: Annotated[  # iOS 27
        list[Annotated[FeaturedAction, AfterValidator(_leads_somewhere)]], Field(max_length=2)
    ]


@with_config(STRICT)
class Document(Overrides, total=False):
    """The whole pass.json of a loyalty card."""

    formatVersion: Required[Literal[1]]
    passTypeIdentifier: Required[
        Annotated[
            str,
            StringConstraints(pattern=r"^pass\.[A-Za-z0-9.-]+$"),
            Otherwise("identifier_invalid", "Must be a pass type, as pass.com.example.loyalty."),
        ]
    ]
    teamIdentifier: Required[
        Annotated[
            str,
            StringConstraints(pattern="^[A-Z0-9]{10}$"),
            Otherwise("identifier_invalid", "Must be ten capital letters and digits."),
        ]
    ]
    serialNumber: Required[Words]
    authenticationToken: Required[
        Annotated[
            str,
            StringConstraints(pattern="^[!-~]{32,}$"),
            Otherwise("token_weak", "Must be 32 ASCII characters or more, none of them a space."),
        ]
    ]
    webServiceURL: Required[
        Annotated[
            str,
            AfterValidator(_reachable),
            Otherwise(
                "web_service_invalid", "Must be https without /v1; http is for loopback only."
            ),
        ]
    ]
    organizationName: Required[Words]
    description: Required[Words]
    storeCard: Required[StoreCard]
    backgroundColor: Colour
    foregroundColor: Colour
    labelColor: Colour
    barcode: LegacyCode
    locations: Annotated[list[Location], Field(max_length=10)]  # Pass.locations
    voided: bool  # iOS 7
    barcodes: Required[Codes]  # iOS 9
    posterGeneric: PosterGeneric  # iOS 27


def _pairs_are_whole(keys: Overrides) -> Overrides:
    if "appLaunchURL" in keys and "associatedStoreIdentifiers" not in keys:
        raise PydanticCustomError(
            "key_lonely", "appLaunchURL has no effect without associatedStoreIdentifiers."
        )
    return keys


DOCUMENT: TypeAdapter[Document] = TypeAdapter(Annotated[Document, AfterValidator(_pairs_are_whole)])
OVERRIDES: TypeAdapter[Overrides] = TypeAdapter(
    Annotated[Overrides, AfterValidator(_pairs_are_whole)]
)
