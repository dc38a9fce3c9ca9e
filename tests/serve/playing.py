"""What tests of playing share: an application over a run of each kind, and something that draws nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.serve import app as serving

pytest.importorskip("starlette")
from starlette.testclient import TestClient

OLD = Path(__file__).parents[1] / "fixtures" / "f6218b1" / "runs"


@pytest.fixture(scope="module")
def at(played, painter):
    with TestClient(serving.application(played, painter=painter), base_url="http://localhost:8741") as made:
        yield made


def got(at, address, /, **query):
    answer = at.get(address, params=query)
    assert answer.status_code == 200, answer.text
    return answer.content


class Never:
    """Draws nothing, and says that it was asked."""

    asked = 0

    def draw(self, wish):
        self.asked += 1
        return True, b"drawn"
