"""What is in demo.json: the demo's merchants, seeded once, and where everything is found."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from passes.demo.chain import PHONE, seed_chain
from passes.demo.client import Api
from passes.demo.ground import Ground
from passes.demo.seed import Seeded, seed
from passes.services.api_keys import mint_key
from passes.store.database import Database


def gather(ground: Ground) -> dict[str, Any]:
    """The facts, of an earlier run as far as its merchants are still there; written down."""
    known = _known_facts(ground)
    operator = Api(ground.local_url, known.get("admin_key", ""))
    if not operator.exists("/merchants"):
        operator = Api(ground.local_url, _admin_key(ground))
    chain = known.get("chain", {})
    if not _is_there(operator, known):
        known = _made(seed(operator))
    if not _is_there(operator, chain):
        chain = _made(seed_chain(operator)) | {"phone": PHONE}
    facts = known | _card_links(ground, known) | _house_links(ground)
    facts |= {"admin_key": operator.key, "chain": chain | _card_links(ground, chain)}
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    ground.facts_file.touch(mode=0o600)
    ground.facts_file.write_text(text, encoding="utf-8")
    return facts


def _known_facts(ground: Ground) -> dict[str, Any]:
    try:
        facts = json.loads(ground.facts_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    same_database = isinstance(facts, dict) and facts.get("database") == ground.database_name
    return facts if same_database else {}


def _is_there(operator: Api, facts: Mapping[str, Any]) -> bool:
    merchant_id = facts.get("merchant_id")
    return bool(merchant_id) and operator.exists(f"/merchants/{merchant_id}")


def _made(seeded: Seeded) -> dict[str, Any]:
    """A merchant's facts; its first member's card is on a virtual phone."""
    return asdict(seeded) | {"member_id": seeded.member_ids[0]}


def _admin_key(ground: Ground) -> str:
    with Database(ground.database_url).writing() as session:
        return mint_key(session, None, "demo", ["admin"], datetime.now(UTC))[1]


def _card_links(ground: Ground, merchant: Mapping[str, Any]) -> dict[str, Any]:
    """Where the merchant's program is joined, and its first member's card."""
    member = Api(ground.local_url, merchant["api_key"]).get(f"/members/{merchant['member_id']}")
    card = member["pass"]
    return {
        "pass_id": card["id"],
        "serial_number": card["serial_number"],
        "join_url": f"{ground.base_url}/j/{merchant['slug']}",
        "card_url": card["urls"]["landing"],
        "pkpass_url": card["urls"]["apple"],
        "google_url": card["urls"]["google"],
    }


def _house_links(ground: Ground) -> dict[str, str]:
    return {
        "database": ground.database_name,
        "apple_root_certificate": str(ground.root_certificate.resolve()),
        "base_url": ground.base_url,
        "docs_url": f"{ground.base_url}/docs",
        "phones_url": ground.phones_url,
        "apns_control_url": f"http://127.0.0.1:{ground.control_port}",
        "google_control_url": f"http://127.0.0.1:{ground.google_port}/__sim",
    }
