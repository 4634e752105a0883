"""Which push gets which answer."""

import pytest

from webhooks.simulators.apns_script import Answer, Rule, RuleForm, Script

BUSY = Answer(status=429, reason="TooManyRequests")
STALL = Answer("stall")


@pytest.mark.parametrize(
    ("rules", "pushes", "expected"),
    [
        ([Rule(STALL)], "aab", "sss"),
        ([Rule(STALL, next=2)], "aaaa", "ss.."),
        ([Rule(STALL, every=3)], "aaaaaa", "..s..s"),
        ([Rule(STALL, every=2, next=2)], "aaaaaaaa", ".s.s...."),
        ([Rule(STALL, token="b", next=1)], "abab", ".s.."),
        ([Rule(STALL, token="a", next=1), Rule(BUSY)], "abaa", "sbbb"),
        ([Rule(STALL, topic="other")], "aa", ".."),
    ],
)
def test_the_first_rule_that_applies_decides(rules: list[Rule], pushes: str, expected: str) -> None:
    script = Script()
    script.add(*rules)
    answers = [script.answer(token, "pass.x") for token in pushes]
    signs = {STALL: "s", BUSY: "b", Answer(): "."}
    assert "".join(signs[answer] for answer in answers) == expected


def test_a_rule_reads_every_key_of_its_json_form() -> None:
    document = {
        "token": "AB",
        "topic": "pass.x",
        "next": 3,
        "every": 10,
        "answer": "status",
        "status": 410,
        "reason": "Unregistered",
        "timestamp": 5,
        "retry_after": 30,
        "delay_s": 1,
    }
    answer = Answer("status", 410, "Unregistered", timestamp=5, retry_after=30, delay_s=1.0)
    assert RuleForm.model_validate(document).rule() == Rule(
        answer, token="ab", topic="pass.x", next=3, every=10
    )
