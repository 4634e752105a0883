"""The API of the local Google, as its clients meet it."""

from typing import Any

import pytest
import requests

from tests.webhooks.simulators.google_room import (
    CLASS,
    ISSUER,
    OBJECT,
    Room,
    Shop,
    class_document,
    object_document,
    points,
)

A_CLASS, AN_OBJECT = f"loyaltyClass/{CLASS}", f"loyaltyObject/{OBJECT}"
NOTIFY = {"notifyPreference": "NOTIFY_ON_UPDATE"}


def message(text: str, kind: str = "TEXT_AND_NOTIFY") -> dict[str, Any]:
    return {"message": {"header": "News", "body": text, "messageType": kind}}


def kept(room: Room, resource_id: str = OBJECT) -> dict[str, Any]:
    state = room.state()
    every = [*state["classes"], *state["objects"]]
    return dict(next(one["document"] for one in every if one["id"] == resource_id))


# Reading and writing ---------------------------------------------------------------------------


def test_class_and_object_are_made_read_and_listed(room: Room) -> None:
    room.stock()
    shown = room.done("GET", AN_OBJECT)
    assert (shown["state"], shown["hasUsers"]) == ("active", False)
    assert shown["classReference"]["programName"] == "Coffee card"
    assert room.done("GET", A_CLASS)["reviewStatus"] == "approved"
    listed = room.done("GET", f"loyaltyObject?classId={CLASS}")
    assert [one["id"] for one in listed["resources"]] == [OBJECT]
    assert room.done("GET", f"loyaltyClass?issuerId={ISSUER}")["resources"][0]["id"] == CLASS
    assert room.done("GET", f"issuer/{ISSUER}")["issuerId"] == ISSUER


def test_a_long_list_comes_in_pages(room: Room) -> None:
    room.stock()
    for number in range(4):
        room.done("POST", "loyaltyObject", object_document(id=f"{ISSUER}.m{number}"))
    path, token, seen = f"loyaltyObject?classId={CLASS}&maxResults=2", "0", []
    while token:
        page = room.done("GET", f"{path}&token={token}")
        seen.append([one["id"].partition(".")[2] for one in page["resources"]])
        token = page["pagination"].get("nextPageToken", "")
    assert seen == [["anna", "m0"], ["m1", "m2"], ["m3"]]


def test_put_replaces_and_what_is_missing_is_gone(room: Room) -> None:
    room.stock()
    room.done("PUT", AN_OBJECT, object_document(barcode=None, state="INACTIVE"))
    assert "barcode" not in kept(room)
    assert kept(room)["state"] == "INACTIVE"
    assert room.refused(400, "PUT", AN_OBJECT, {"id": OBJECT})["errors"][0]["reason"] == (
        "invalidResource"
    )


def test_patch_merges_objects_replaces_arrays_and_deletes_by_null(room: Room) -> None:
    room.stock()
    changes = points("4/10") | {"textModulesData": [{"id": "tier"}], "barcode": None}
    room.done("PATCH", AN_OBJECT, changes)
    document = kept(room)
    assert document["loyaltyPoints"] == {"label": "Stamps", "balance": {"string": "4/10"}}
    assert document["textModulesData"] == [{"id": "tier"}]
    assert "barcode" not in document
    assert document["state"] == "ACTIVE"


def test_a_patch_to_another_form_of_balance_leaves_two_and_is_refused(room: Room) -> None:
    room.stock()
    room.refused(400, "PATCH", AN_OBJECT, {"loyaltyPoints": {"balance": {"int": 4}}})
    room.done("PATCH", AN_OBJECT, {"loyaltyPoints": {"balance": {"int": 4, "string": None}}})
    assert kept(room)["loyaltyPoints"]["balance"] == {"int": 4}


def test_the_answer_to_a_get_can_be_sent_back_but_for_the_review(room: Room) -> None:
    room.stock()
    room.done("PUT", AN_OBJECT, room.done("GET", AN_OBJECT))
    assert kept(room) == object_document()
    got = room.done("GET", A_CLASS)
    refusal = room.refused(400, "PUT", A_CLASS, got)
    assert "reviewStatus" in refusal["message"]
    room.done("PUT", A_CLASS, got | {"reviewStatus": "UNDER_REVIEW"})


def test_offers_and_generic_passes_are_kept_too(room: Room) -> None:
    words = {"defaultValue": {"language": "en", "value": "Cookie"}}
    room.done("POST", "genericClass", {"id": f"{ISSUER}.g"})
    generic = {"id": f"{ISSUER}.g1", "classId": f"{ISSUER}.g", "cardTitle": words, "header": words}
    assert room.done("POST", "genericObject", generic)["classReference"]["id"] == f"{ISSUER}.g"
    room.stock()
    crossed = generic | {"id": f"{ISSUER}.g2", "classId": CLASS}
    assert "another kind" in room.refused(400, "POST", "genericObject", crossed)["message"]


# Refusals --------------------------------------------------------------------------------------


def test_the_refusals_have_the_statuses_reasons_and_shape_of_google(room: Room) -> None:
    room.stock()
    seen = [
        room.refused(409, "POST", "loyaltyClass", class_document()),
        room.refused(409, "POST", "loyaltyObject", object_document()),
        room.refused(404, "GET", f"loyaltyClass/{ISSUER}.none"),
        room.refused(404, "PATCH", f"loyaltyObject/{ISSUER}.none", {}),
        room.refused(
            404, "POST", "loyaltyObject", object_document(id=f"{ISSUER}.b", classId=f"{ISSUER}.x")
        ),
        room.refused(403, "GET", "loyaltyObject/1234.anna"),
        room.refused(403, "POST", "loyaltyClass", class_document(id="1234.coffee")),
        room.refused(400, "GET", "loyaltyObject/fern.anna"),
        room.refused(400, "PATCH", AN_OBJECT, {"id": f"{ISSUER}.other"}),
        room.refused(400, "PATCH", AN_OBJECT, {"colour": "red"}),
    ]
    assert [one["errors"][0]["reason"] for one in seen] == [
        "existingResource",
        "existingResource",
        "classNotFound",
        "resourceNotFound",
        "classNotFound",
        "permissionDenied",
        "permissionDenied",
        "invalidResource",
        "invalidResource",
        "invalidResource",
    ]
    assert seen[0] == {
        "code": 409,
        "message": f"Wallet Object Class {CLASS} already exists.",
        "errors": [
            {
                "message": f"Wallet Object Class {CLASS} already exists.",
                "domain": "walletobjects",
                "reason": "existingResource",
            }
        ],
        "status": "ALREADY_EXISTS",
    }
    assert room.call("DELETE", AN_OBJECT).status_code == 404


def test_reasons_nobody_has_seen_can_be_left_out(room: Room) -> None:
    room.stock()
    room.order("knobs", unproven_reasons=False)
    refusal = room.refused(409, "POST", "loyaltyClass", class_document())
    assert refusal.keys() == {"code", "message"}
    denied = room.refused(403, "GET", "loyaltyObject/1234.anna")
    assert denied["errors"][0]["reason"] == "permissionDenied"


def test_what_is_no_json_object_is_refused(room: Room) -> None:
    url = f"{room.google.url}/walletobjects/v1/loyaltyClass"
    for body in (b"", b"[1]", b"{", b"[" * 100_000):
        assert room.api.post(url, data=body, timeout=5).status_code == 400


def test_an_account_that_was_not_invited_is_denied(room: Room) -> None:
    room.order("knobs", account_linked=False)
    refusal = room.refused(403, "GET", A_CLASS)
    assert refusal["errors"][0]["reason"] == "permissionDenied"


def test_more_than_the_rate_is_too_fast(room: Room) -> None:
    room.order("knobs", rate_per_s=0.5)
    assert room.call("GET", f"issuer/{ISSUER}").status_code == 200
    refusal = room.refused(429, "GET", f"issuer/{ISSUER}")
    assert refusal["errors"][0]["reason"] == "rateLimitExceeded"


# Review ----------------------------------------------------------------------------------------


def test_a_draft_carries_no_objects_and_is_no_draft_again_once_reviewed(room: Room) -> None:
    room.done("POST", "loyaltyClass", class_document(reviewStatus="DRAFT"))
    room.refused(400, "POST", "loyaltyObject", object_document())
    room.done("PATCH", A_CLASS, {"issuerName": "Fern", "reviewStatus": "DRAFT"})
    assert room.done("PATCH", A_CLASS, {"reviewStatus": "UNDER_REVIEW"})["reviewStatus"] == (
        "approved"
    )
    room.done("POST", "loyaltyObject", object_document())
    room.refused(400, "PATCH", A_CLASS, {"reviewStatus": "DRAFT"})


@pytest.mark.parametrize("status", ["APPROVED", "approved", "REJECTED"])
def test_a_client_cannot_approve_or_reject(room: Room, status: str) -> None:
    room.refused(400, "POST", "loyaltyClass", class_document(reviewStatus=status))


def test_every_write_of_an_approved_class_asks_for_review_again(room: Room) -> None:
    room.stock()
    room.refused(400, "PATCH", A_CLASS, {"issuerName": "Fern"})
    room.done("PATCH", A_CLASS, {"issuerName": "Fern", "reviewStatus": "UNDER_REVIEW"})


def test_a_review_can_take_its_time_and_be_refused(room: Room) -> None:
    room.order("knobs", review="hold")
    room.done("POST", "loyaltyClass", class_document())
    assert room.done("GET", A_CLASS)["reviewStatus"] == "underReview"
    room.refused(400, "POST", "loyaltyObject", object_document())
    room.order("review", class_id=CLASS, status="APPROVED")
    room.done("POST", "loyaltyObject", object_document())
    room.order("knobs", review="reject")
    rejected = room.done("PATCH", A_CLASS, {"reviewStatus": "UNDER_REVIEW"})
    assert rejected["reviewStatus"] == "rejected"
    assert rejected["review"]["comments"]
    room.order("knobs", review="approve")
    assert "review" not in room.done("PATCH", A_CLASS, {"reviewStatus": "UNDER_REVIEW"})


# Pictures --------------------------------------------------------------------------------------


def test_pictures_are_fetched_once_and_broken_ones_refused(room: Room, shop: Shop) -> None:
    room.order("knobs", fetch_images=True)
    logo = {"programLogo": {"sourceUri": {"uri": shop.picture("/logo.png")}}}
    room.done("POST", "loyaltyClass", class_document(**logo))
    broken = {
        "nothing there": f"{shop.url}/none.png",
        "no picture by its type": shop.picture("/page", media="text/html"),
        "no picture inside": shop.picture("/broken.png", b"\x89PNG but no more"),
        "nobody at home": "http://127.0.0.1:1/x.png",
    }
    for url in broken.values():
        hero = {"heroImage": {"sourceUri": {"uri": url}}}
        refusal = room.refused(400, "POST", "loyaltyObject", object_document(**hero))
        assert url in refusal["message"]
    shop.pages.clear()
    room.done("PATCH", A_CLASS, logo | {"reviewStatus": "UNDER_REVIEW"})


# Messages and notices --------------------------------------------------------------------------


def test_the_fourth_notice_of_a_day_is_refused_and_a_silent_one_is_not(room: Room) -> None:
    room.stock()
    path = f"{AN_OBJECT}/addMessage"
    for number in range(3):
        room.done("POST", path, message(str(number)))
    refusal = room.refused(403, "POST", path, message("4"))
    assert refusal["errors"][0]["reason"] == "quotaExceeded"
    assert len(kept(room)["messages"]) == 3
    added = room.done("POST", path, message("4", "TEXT"))
    assert added["resource"]["messages"][-1]["messageType"] == "text"
    room.clock.forward(hours=24)
    room.done("POST", path, message("5"))


def test_a_pass_has_room_for_ten_messages(room: Room) -> None:
    room.stock()
    for number in range(10):
        room.done("POST", f"{A_CLASS}/addMessage", message(str(number), "TEXT"))
    refusal = room.refused(400, "POST", f"{A_CLASS}/addMessage", message("11", "TEXT"))
    assert refusal["errors"][0]["reason"] == "invalidResource"


def test_only_a_changed_balance_that_asks_for_it_is_announced_three_times_a_day(
    room: Room,
) -> None:
    room.stock()
    assert room.tap("anna@example.com").ok
    changes = [
        points("4/10") | NOTIFY,
        points("4/10") | NOTIFY,  # nothing changed: nothing happens
        points("5/10"),  # did not ask
        {"textModulesData": []} | NOTIFY,  # Google has no notice for it
        points("6/10") | NOTIFY,
        points("7/10") | NOTIFY,
        points("8/10") | NOTIFY,  # the fourth of the day
    ]
    for change in changes:
        room.done("PATCH", AN_OBJECT, change)
    seen = [(one["what"], one["text"]) for one in room.state("happenings")]
    assert seen == [
        ("saved", "Added to Google Wallet"),
        ("shown", "Stamps 4/10"),
        ("silent", "Updated: loyaltyPoints"),
        ("silent", "Updated: textModulesData"),
        ("shown", "Stamps 6/10"),
        ("shown", "Stamps 7/10"),
        ("silent", "Updated: loyaltyPoints"),
    ]
    assert "notifyPreference" not in kept(room)


def test_a_change_of_the_class_reaches_every_holder(room: Room) -> None:
    room.stock()
    room.done("POST", "loyaltyObject", object_document(id=f"{ISSUER}.bela"))
    assert room.tap("anna@example.com").ok
    room.done("POST", f"{A_CLASS}/addMessage", message("Closed on Monday"))
    *_, last = room.state("happenings")
    assert (last["user"], last["object_id"], last["what"]) == ("anna@example.com", OBJECT, "shown")


# The preflight ---------------------------------------------------------------------------------


def test_a_save_link_can_be_checked_before_anybody_taps_it(room: Room) -> None:
    def validated(**body: Any) -> requests.Response:
        return room.call("POST", "jwt/validate", body)

    token = room.link().rpartition("/")[2]
    assert validated(jwtResource={"jwt": token}).json() == {}
    assert validated(jwtResource={"jwt": token[:-4] + "AAAA"}).status_code == 400
    wrong = room.link(aud="apple").rpartition("/")[2]
    assert "aud" in validated(jwtResource={"jwt": wrong}).json()["error"]["message"]
    assert validated().status_code == 400
    assert validated(jsonResource={"json": "[]"}).status_code == 400
    assert validated(jwtResource={"jwt": token}, jsonResource={"json": "{}"}).status_code == 400
