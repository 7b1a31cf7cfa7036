"""The reference page names every field, rule and reason."""

from __future__ import annotations

import pytest
from faceledger_operator.api.conditions import BindingReason, Reason, RunReason
from faceledger_operator.api.reference import reference_page


@pytest.fixture(scope="module")
def page() -> str:
    return reference_page()


@pytest.mark.parametrize("reason", [*RunReason, *BindingReason], ids=str)
def test_a_reason_stands_there_with_what_happened_and_what_mends_it(page: str, reason: Reason) -> None:
    assert f"| `{reason}` | {reason.what} | {reason.mend} |" in page


@pytest.mark.parametrize(
    "words",
    [
        '| `matching.threshold` | string | `"Auto"` |',
        "| `network.chainId` | integer, 1 to 9007199254740991 | required |",
        "| `conditions[].lastTransitionTime` | date-time |",
        "Example: 1337. Rule: cannot be changed; create another LedgerBinding.",
        "Rule: compute.workers: min must not be above max.",
    ],
)
def test_the_page_says(page: str, words: str) -> None:
    assert words in page
