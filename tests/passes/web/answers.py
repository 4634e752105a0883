"""What tests ask of an answer."""

from werkzeug.test import TestResponse


def faults(answer: TestResponse) -> set[tuple[str, str]]:
    """Pointer and code of each fault in a 422."""
    assert answer.status_code == 422, answer.text
    return {(fault["pointer"], fault["code"]) for fault in answer.json["errors"]}


def pointers(answer: TestResponse) -> set[str]:
    return {pointer for pointer, _ in faults(answer)}


def problem(answer: TestResponse) -> tuple[int, str]:
    """Status and code of a problem document."""
    assert answer.content_type == "application/problem+json", answer.text
    assert answer.json["status"] == answer.status_code
    return answer.status_code, answer.json["code"]
