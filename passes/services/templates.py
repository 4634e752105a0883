"""Templates: how a merchant's cards look. Here they are checked against what exists."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from passes.errors import FieldFault, Invalid, NotFound
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
_MAX_ROW = 4  # storeCard: secondary and auxiliary fields share one row of four (HIG, Wallet)


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
    template.fields = draft.fields.model_dump(exclude_none=True)
    template.barcode = draft.barcode.model_dump()
    template.links = [link.model_dump() for link in draft.links]
    template.apple_overrides = draft.apple_overrides
    template.google_overrides = draft.google_overrides


def _check(session: Session, merchant_id: str, draft: TemplateDraft) -> None:
    faults = [
        *_missing_images(session, merchant_id, draft),
        *_crowded_fields(draft.fields),
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


def _crowded_fields(fields: FieldsDraft) -> list[FieldFault]:
    faults = []
    row = [*(fields.secondary or ()), *(fields.auxiliary or ())]
    if len(row) > _MAX_ROW:
        detail = f"secondary and auxiliary fields share one row of {_MAX_ROW}"
        faults.append(FieldFault("/fields/auxiliary", "too_many_fields", detail))
    placed = [
        (area, index, field)
        for area in FieldsDraft.model_fields
        for index, field in enumerate(getattr(fields, area) or ())
    ]
    seen: set[str] = set()
    announcing = 0
    for area, index, field in placed:
        if field.key in seen:
            detail = "keys are unique over the whole pass"
            faults.append(FieldFault(f"/fields/{area}/{index}/key", "key_repeated", detail))
        seen.add(field.key)
        announcing += field.announces_a_stamp
        if field.announces_a_stamp and announcing > 1:
            # Wallet replaces several messages of one update by a text of its own.
            detail = "only one field that a stamp changes may carry a change message"
            pointer = f"/fields/{area}/{index}/change_message"
            faults.append(FieldFault(pointer, "several_change_messages", detail))
    return faults


def _at(draft: TemplateDraft, path: tuple[str, ...]) -> str | None:
    value: object = draft
    for name in path:
        value = getattr(value, name)
    return value if isinstance(value, str) else None
