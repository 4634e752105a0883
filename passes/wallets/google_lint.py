"""What Google Wallet would show other than the merchant wrote it: warnings, never refusals."""

from passes.loyalty.face import PassFace
from passes.loyalty.facts import FaceLink
from passes.wallets.faults import Fault
from passes.wallets.google import GoogleClassFacts
from passes.wallets.google_schema import TAPPABLE_URI
from passes.wallets.shorten import one_line

# Google's "recommended maximum lengths": it cuts what it shows; we send the whole text.
SHOWN_PROGRAM_NAME = 20
SHOWN_ISSUER_NAME = 20
SHOWN_POINTS_LABEL = 9
SHOWN_BALANCE = 7


def lint(face: PassFace, facts: GoogleClassFacts) -> tuple[Fault, ...]:
    """What Google shows cut, and what we leave out. Pointers: `{"class": …, "object": …}`."""
    cuts = (
        ("/class/programName", facts.program_name, SHOWN_PROGRAM_NAME),
        ("/class/issuerName", facts.issuer_name, SHOWN_ISSUER_NAME),
        ("/object/loyaltyPoints/label", face.balance.label, SHOWN_POINTS_LABEL),
        ("/object/loyaltyPoints/balance/string", face.balance.value, SHOWN_BALANCE),
    )
    links = (("/class", facts.links), ("/object", face.links))
    return (
        *(_cut(*text) for text in cuts if len(one_line(text[1])) > text[2]),
        *(
            _left_out(part, link)
            for part, group in links
            for link in group
            if not TAPPABLE_URI.match(link.uri)
        ),
    )


def _cut(pointer: str, text: str, shown: int) -> Fault:
    sentence = f"Google Wallet shows {shown} of the {len(one_line(text))} characters: shorten it."
    return Fault(pointer, "google_cuts_text", sentence)


def _left_out(part: str, link: FaceLink) -> Fault:
    sentence = f"The link {link.key} is left out: write it as an https, tel, mailto or geo URI."
    return Fault(f"{part}/linksModuleData/uris", "google_leaves_out_link", sentence)
