"""Templates: how a merchant's cards look. Here they are checked against what exists."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from branding.colour import Colour
from branding.palette import Palette
from passes.errors import FieldFault, Invalid, NotFound
from passes.loyalty.face import FIELD_AREAS, PassFace, compute_face
from passes.loyalty.facts import Design, FieldDesign, MemberFacts, MerchantFacts, ProgramFacts
from passes.loyalty.stamps import StampRules
from passes.loyalty.wording import SOURCE_LOCALE
from passes.services.drafts import (
    BarcodeDraft,
    ColorsDraft,
    FieldsDraft,
    LinkDraft,
    StripDraft,
    TemplateDraft,
)
from passes.store.tables import Image, Template
from passes.wallets import apple_rules, google_rules
from passes.wallets.apple_fields import MAX_ROW

# Where each image stands in a draft → the column it is kept in.
_IMAGES = {
    ("logo_id",): "logo_id",
    ("icon_id",): "icon_id",
    ("strip_id",): "strip_id",
    ("hero_id",): "hero_id",
    ("strip", "stamp_on_id"): "stamp_on_id",
    ("strip", "stamp_off_id"): "stamp_off_id",
    ("strip", "reward_id"): "reward_id",
}
_CARD_LINK = "card"  # the key of the row that ends every back
# Facts that make every field of our own appear.
_TALKATIVE = MerchantFacts("M", "m@m.example", "+36 1 234 5678", "https://m.example", "1 M Street")
_WORDY = ProgramFacts("P", StampRules(1), terms="T")
_NAMED = MemberFacts(code="C", first_name="N")
_ANY_PALETTE = Palette(Colour(0, 0, 0), Colour(255, 255, 255), Colour(255, 255, 255))


def add_template(
    session: Session, merchant_id: str, draft: TemplateDraft, now: datetime
) -> Template:
    """A new template; Invalid names every field that cannot be."""
    _check(session, merchant_id, draft)
    template = Template(merchant_id=merchant_id, created_at=now)
    _fill(template, draft)
    session.add(template)
    session.flush()
    return template


def change_template(session: Session, template: Template, draft: TemplateDraft) -> None:
    """The template as the draft says, wholly."""
    _check(session, template.merchant_id, draft)
    _fill(template, draft)
    session.flush()


def find_template(session: Session, merchant_id: str, template_id: str) -> Template:
    template = session.scalar(
        select(Template).where(Template.id == template_id, Template.merchant_id == merchant_id)
    )
    if template is None:
        raise NotFound("There is no such template.")
    return template


def draft_of(template: Template) -> TemplateDraft:
    """The draft that would make this template again: what a partial change is laid over."""
    return TemplateDraft(
        name=template.name,
        colors=ColorsDraft(
            background=template.background, foreground=template.foreground, label=template.label
        ),
        logo_id=template.logo_id,
        icon_id=template.icon_id,
        strip_id=template.strip_id,
        hero_id=template.hero_id,
        strip=StripDraft.model_validate(
            {
                "mode": template.strip_mode,
                "style": template.strip_style,
                "stamp_on_id": template.stamp_on_id,
                "stamp_off_id": template.stamp_off_id,
                "reward_id": template.reward_id,
            }
        ),
        fields=FieldsDraft.model_validate(template.fields),
        barcode=BarcodeDraft.model_validate(template.barcode),
        links=[LinkDraft.model_validate(link) for link in template.links],
        apple_overrides=template.apple_overrides,
        google_overrides=template.google_overrides,
    )


def _fill(template: Template, draft: TemplateDraft) -> None:
    template.name = draft.name
    template.background = draft.colors.background
    template.foreground = draft.colors.foreground
    template.label = draft.colors.label
    for path, column in _IMAGES.items():
        setattr(template, column, _at(draft, path))
    template.strip_mode = draft.strip.mode
    template.strip_style = draft.strip.style
    template.fields = draft.fields.model_dump(exclude_none=True)
    template.barcode = draft.barcode.model_dump()
    template.links = [link.model_dump() for link in draft.links]
    template.apple_overrides = draft.apple_overrides
    template.google_overrides = draft.google_overrides


def _check(session: Session, merchant_id: str, draft: TemplateDraft) -> None:
    faults = [
        *_missing_images(session, merchant_id, draft),
        *_crowded_fields(draft),
        *(
            FieldFault(f"/apple_overrides{f.pointer}", f.code, f.detail)
            for f in apple_rules.check_overrides(draft.apple_overrides)
        ),
        *(
            FieldFault(f"/google_overrides{f.pointer}", f.code, f.detail)
            for f in google_rules.check_overrides(draft.google_overrides)
        ),
    ]
    if faults:
        raise Invalid(faults)


def _missing_images(session: Session, merchant_id: str, draft: TemplateDraft) -> list[FieldFault]:
    wanted = {path: image_id for path in _IMAGES if (image_id := _at(draft, path))}
    present = set(
        session.scalars(
            select(Image.id).where(
                Image.merchant_id == merchant_id, Image.id.in_(set(wanted.values()))
            )
        )
    )
    return [
        FieldFault("/" + "/".join(path), "image_unknown", "there is no such image: upload it first")
        for path, image_id in wanted.items()
        if image_id not in present
    ]


def _crowded_fields(draft: TemplateDraft) -> list[FieldFault]:
    """Fields that get in each other's way, or in the way of our own where an area is left out."""
    fields = draft.fields
    own = _own_fields(draft)
    faults = []
    row = [*(fields.secondary or ()), *(fields.auxiliary or ()), *own.secondary, *own.auxiliary]
    if len(row) > MAX_ROW:
        area = "auxiliary" if fields.auxiliary else "secondary"
        detail = (
            f"secondary and auxiliary fields share one row of {MAX_ROW}; "
            "an area left out shows our own, an empty list shows none"
        )
        faults.append(FieldFault(f"/fields/{area}", "too_many_fields", detail))
    ours = [field for area in FIELD_AREAS for field in getattr(own, area)]
    seen = {field.key for field in ours} | {_CARD_LINK}
    announced = any(field.change_message for field in ours)
    placed = [
        (f"/fields/{area}/{index}", field)
        for area in FIELD_AREAS
        for index, field in enumerate(getattr(fields, area) or ())
    ]
    for place, field in placed:
        if field.key in seen:
            detail = "keys are unique over the whole pass, our own fields in other areas included"
            faults.append(FieldFault(f"{place}/key", "key_repeated", detail))
        seen.add(field.key)
        if field.announces_a_stamp and announced:
            # Wallet replaces several messages of one update by a text of its own.
            detail = (
                "only one field that a stamp changes may carry a change message; "
                "without fields.header our own stamp count does"
            )
            faults.append(FieldFault(f"{place}/change_message", "several_change_messages", detail))
        announced = announced or field.announces_a_stamp
    return faults


def _own_fields(draft: TemplateDraft) -> PassFace:
    """A card with every field of ours that these areas can show, and none of the merchant's."""
    named: dict[str, tuple[FieldDesign, ...]] = {
        area: () for area in FIELD_AREAS if getattr(draft.fields, area) is not None
    }
    design = Design(_ANY_PALETTE, draft.strip.mode, named)
    return compute_face(_TALKATIVE, _WORDY, design, _NAMED, SOURCE_LOCALE)


def _at(draft: TemplateDraft, path: tuple[str, ...]) -> str | None:
    value: object = draft
    for name in path:
        value = getattr(value, name)
    return value if isinstance(value, str) else None
