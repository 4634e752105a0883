"""Every table. Columns only: what may happen to a row is decided in services."""

from passes.store.tables.cards import Consent, Member, Pass, PassTypeCounter, Program
from passes.store.tables.columns import Base, UtcDateTime
from passes.store.tables.google import GoogleNonce, GoogleNotice
from passes.store.tables.ledger import Event, IdempotentRequest, Reward, Transaction
from passes.store.tables.looks import Image, Picture, ProgramPicture, Template
from passes.store.tables.merchants import ApiKey, Merchant
from passes.store.tables.outbox import Delivery, FanOut, QueuePause, RateBucket
from passes.store.tables.phones import Device, PhoneLog, Registration
from passes.store.tables.places import Location, PlaceSet, Relocation

__all__ = [
    "ApiKey",
    "Base",
    "Consent",
    "Delivery",
    "Device",
    "Event",
    "FanOut",
    "GoogleNonce",
    "GoogleNotice",
    "IdempotentRequest",
    "Image",
    "Location",
    "Member",
    "Merchant",
    "Pass",
    "PassTypeCounter",
    "PhoneLog",
    "Picture",
    "PlaceSet",
    "Program",
    "ProgramPicture",
    "QueuePause",
    "RateBucket",
    "Registration",
    "Relocation",
    "Reward",
    "Template",
    "Transaction",
    "UtcDateTime",
]
