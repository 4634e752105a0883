"""Parts of cards that hypothesis thinks of, made of the texts that a wallet's tests give."""

from hypothesis import strategies as st

from passes.loyalty.facts import BarcodeDesign, MemberFacts
from passes.loyalty.stamps import Milestone, StampRules


@st.composite
def rules(draw: st.DrawFn, names: st.SearchStrategy[str]) -> StampRules:
    size = draw(st.integers(1, 30))
    slots = sorted(draw(st.sets(st.integers(1, size), max_size=4)))
    return StampRules(size, tuple(Milestone(slot, draw(names)) for slot in slots))


def members(texts: st.SearchStrategy[str]) -> st.SearchStrategy[MemberFacts]:
    return st.builds(
        MemberFacts,
        code=st.from_regex(r"[0-9A-Z]{16}", fullmatch=True),
        stamps=st.integers(0, 200),
        first_name=texts,
        last_name=texts,
        voided=st.booleans(),
    )


def barcodes(texts: st.SearchStrategy[str]) -> st.SearchStrategy[BarcodeDesign]:
    return st.builds(BarcodeDesign, st.sampled_from(["qr", "aztec", "pdf417", "code128"]), texts)
