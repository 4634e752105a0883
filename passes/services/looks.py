"""A program's look: everything its passes share, read once and kept until somebody changes it."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from branding.artwork import google_hero_parts
from branding.brand import Art, Brand, StampCard
from branding.colour import Colour
from branding.palette import Palette, complete
from passes.loyalty.face import PassFace, compute_face
from passes.loyalty.facts import (
    BarcodeDesign,
    Design,
    FaceLink,
    FieldDesign,
    MemberFacts,
    MerchantFacts,
    ProgramFacts,
)
from passes.loyalty.stamps import Milestone, StampRules
from passes.loyalty.wording import LOCALES
from passes.store.tables import Image, Merchant, Picture, Program, Template
from passes.wallets import apple, google
from passes.wallets.faults import Fault
from passes.wallets.google import GoogleObjectFacts

_KEPT = 64  # programs whose look, pictures and all, one process remembers


@dataclass(frozen=True, slots=True)
class LookVersion:
    """Which look: any change of merchant, program or template makes another one."""

    program_id: str
    program_revision: int
    template_revision: int
    merchant_revision: int


@dataclass(frozen=True, slots=True)
class Look:
    """What all passes of a program have in common, detached from the database."""

    version: LookVersion
    pass_type_identifier: str
    slug: str
    locale: str
    merchant: MerchantFacts
    program: ProgramFacts
    design: Design
    brand: Brand
    apple_overrides: Mapping[str, Any]
    google_overrides: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Names the pictures that others fetch: equal keys, equal pictures for 0 … N stamps."""
        rules = self.program.rules
        stops = ",".join(str(m.at) for m in rules.milestones)
        parts = (self.brand.key, self.design.strip_mode, str(rules.card_size), stops)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def shown_by_phones(self) -> tuple[object, ...]:
        """What of the look stands on Apple's passes: looks with equal ones show the same passes."""
        return (*self._shown_by_all, self.apple_overrides)

    @property
    def shown_at_google(self) -> tuple[object, ...]:
        """What of the look stands in Google's class or objects."""
        return (*self._shown_by_all, self.locale, self.google_overrides)

    @property
    def _shown_by_all(self) -> tuple[object, ...]:
        return (self.merchant, self.program, self.design, self.brand.key)

    def shown_by_objects(self) -> tuple[object, ...]:
        """What of the look stands in every single object at Google, the class apart.

        The documents of sample cards: a few milliseconds.
        """
        grid = self.stamp_card(0)
        hero = google_hero_parts(self.brand, grid) if grid else None
        overrides = self.google_overrides.get("object", {})
        facts = GoogleObjectFacts(object_id="", class_id="", overrides=overrides)
        faces = (face for locale in LOCALES for face in _samples(self, locale))
        documents = [google.object_json(face, facts) for face in faces]
        return (self.program.rules, hero, documents)

    def stamp_card(self, filled: int) -> StampCard | None:
        """The card with `filled` stamps, as it is drawn; None when the look has no stamp grid."""
        if self.design.strip_mode != "stamps":
            return None
        stops = frozenset(m.at for m in self.program.rules.milestones)
        return StampCard(self.program.rules.card_size, filled, stops, ready=filled in stops)


def require_sound(look: Look) -> None:
    """PassInvalid, with every fault, when phones would refuse cards of this look."""
    found: dict[Fault, None] = {}
    for face in _samples(look, look.locale):
        faults = apple.faults_of(face, look.apple_overrides, look.pass_type_identifier)
        found |= dict.fromkeys(faults)
    if found:
        raise apple.PassInvalid(found)


class LookBook:
    """The looks a process has read, by version. Safe for threads; forgets the oldest."""

    def __init__(self) -> None:
        self._looks: OrderedDict[str, Look] = OrderedDict()
        self._lock = Lock()

    def open(self, session: Session, version: LookVersion) -> Look:
        """The look of this version: remembered, or read now with all its pictures."""
        with self._lock:
            known = self._looks.get(version.program_id)
            if known and known.version == version:
                self._looks.move_to_end(version.program_id)
                return known
        look = read_look(session, version.program_id)
        with self._lock:
            self._looks[version.program_id] = look
            while len(self._looks) > _KEPT:
                self._looks.popitem(last=False)
        return look


def read_look(session: Session, program_id: str, *, drawable: bool = True) -> Look:
    """The program's look as it stands now; without the pictures' bytes unless `drawable`."""
    program, template, merchant = session.execute(
        select(Program, Template, Merchant)
        .join(Template, Template.id == Program.template_id)
        .join(Merchant, Merchant.id == Program.merchant_id)
        .where(Program.id == program_id)
    ).one()
    design, brand = read_design(session, template, merchant, drawable=drawable)
    return Look(
        version=LookVersion(program.id, program.revision, template.revision, merchant.revision),
        pass_type_identifier=program.pass_type_identifier,
        slug=program.slug,
        locale=merchant.locale,
        merchant=merchant_facts(merchant),
        program=ProgramFacts(program.name, stamp_rules(program), program.terms, program.unit_label),
        design=design,
        brand=brand,
        apple_overrides=template.apple_overrides,
        google_overrides=template.google_overrides,
    )


def read_design(
    session: Session, template: Template, merchant: Merchant, *, drawable: bool = True
) -> tuple[Design, Brand]:
    """A template's design and brand, with the colours it left open chosen."""
    arts, dominant = _pictures(session, template, drawable=drawable)
    palette = complete(
        _colour(template.background),
        _colour(template.foreground),
        _colour(template.label),
        dominant,
    )
    return _design(template, palette), _brand(merchant.name, template, palette, arts)


def merchant_facts(merchant: Merchant) -> MerchantFacts:
    return MerchantFacts(
        merchant.name, merchant.email, merchant.phone, merchant.website, merchant.address
    )


def stamp_rules(program: Program) -> StampRules:
    milestones = tuple(Milestone(m["at"], m["title"]) for m in program.milestones)
    return StampRules(program.card_size, milestones)


def _samples(look: Look, locale: str) -> Iterator[PassFace]:
    """The empty card, the full one and those that earn a reward."""
    rules = look.program.rules
    for stamps in (0, *(milestone.at for milestone in rules.milestones), rules.card_size):
        member = MemberFacts(code="0" * 16, stamps=stamps, first_name="Anna", last_name="Kiss")
        yield compute_face(look.merchant, look.program, look.design, member, locale)


def _pictures(
    session: Session, template: Template, *, drawable: bool
) -> tuple[dict[str, Art], list[Colour]]:
    wanted = {
        "logo": template.logo_id,
        "icon": template.icon_id,
        "strip": template.strip_id,
        "hero": template.hero_id,
        "stamp_on": template.stamp_on_id,
        "stamp_off": template.stamp_off_id,
        "reward": template.reward_id,
    }
    rows = session.execute(
        select(
            Image.id,
            Image.dominant_colors,
            Picture.sha256,
            Picture.png if drawable else literal(b"").label("png"),
        )
        .join(Picture, Picture.sha256 == Image.sha256)
        .where(Image.id.in_({image_id for image_id in wanted.values() if image_id}))
    ).all()
    by_id = {row.id: row for row in rows}
    arts = {
        name: Art(by_id[image_id].sha256, by_id[image_id].png)
        for name, image_id in wanted.items()
        if image_id
    }
    source = by_id.get(template.logo_id or template.icon_id or template.strip_id or "")
    return arts, [Colour.parse(text) for text in source.dominant_colors] if source else []


def _brand(name: str, template: Template, palette: Palette, arts: Mapping[str, Art]) -> Brand:
    return Brand(
        name=name,
        background=palette.background,
        foreground=palette.foreground,
        label=palette.label,
        logo=arts.get("logo"),
        icon=arts.get("icon"),
        strip=arts.get("strip") if template.strip_mode != "none" else None,
        hero=arts.get("hero"),
        stamp_on=arts.get("stamp_on"),
        stamp_off=arts.get("stamp_off"),
        reward=arts.get("reward"),
        mark=template.strip_style,
    )


def _colour(text: str | None) -> Colour | None:
    return Colour.parse(text) if text else None


def _design(template: Template, palette: Palette) -> Design:
    return Design(
        palette=palette,
        strip_mode=template.strip_mode,
        fields={
            area: tuple(FieldDesign(**field) for field in fields)
            for area, fields in template.fields.items()
        },
        barcode=BarcodeDesign(**template.barcode),
        links=tuple(
            FaceLink(f"link{number}", link["uri"], link["description"])
            for number, link in enumerate(template.links)
        ),
    )
