"""Names to builders: members come with the first question, whoever asks first."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

from poise.errors import PoiseError
from poise.registry import HOMES, find, names, register

UPON = {  # members that are built of another one's parts
    "bilinear": ["poise.models.images.dcgan"],
    "nearest": ["poise.models.images.dcgan"],
    "modern": ["poise.models.images.bilinear", "poise.models.images.dcgan"],
    "speech": ["poise.recipes.vocoder.signature"],
    "vae": ["poise.recipes.images.signature"],
}
PACKAGE = Path(__file__).parents[1] / "src" / "poise"


@functools.lru_cache
def registered() -> dict[str, set[str]]:
    """Family -> modules that register a member of it by a call with both names written out, or by a loop's name."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "register"
            if called and node.args and isinstance(node.args[0], ast.Constant):
                parts = path.relative_to(PACKAGE).with_suffix("").parts
                found.setdefault(node.args[0].value, set()).add(".".join(("poise", *parts)))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(HOMES))
def test_homes_are_where_members_are_registered(family):
    """Metrics have a decorator of their own: of them it is asked where their functions are."""
    homes = HOMES[family]
    where = registered().get(family, set())
    if family.endswith(" metric"):
        where = {find(family, name).function.__module__ for name in names(family)}
        where = {module for module in where if module.startswith("poise.")}
    assert where and where <= set(homes.values() if isinstance(homes, dict) else homes)


@pytest.mark.slow
@pytest.mark.parametrize("family", [family for family, homes in HOMES.items() if isinstance(homes, dict)])
def test_a_family_with_a_home_for_each_name_loads_no_other(family):
    for name, home in HOMES[family].items():
        script = (
            f"import sys; from poise.registry import HOMES, find, names; find({family!r}, {name!r}); "
            f"names({family!r}); print([home for home in HOMES[{family!r}].values() if home in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert set(ast.literal_eval(done.stdout)) <= {home, *UPON.get(name, ())}


@pytest.mark.slow
def test_every_family_has_members_in_a_fresh_interpreter():
    script = "from poise.registry import HOMES, names\nfor family in sorted(HOMES): print(family, len(names(family)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    counts = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    assert counts.keys() == HOMES.keys() and "0" not in counts.values()


def test_a_name_is_found_or_the_nearest_one_is_named():
    assert find("loss", "hinge") is not None and "nonsaturating" in names("loss")
    with pytest.raises(PoiseError, match="there is no loss called 'hinje'; did you mean 'hinge'"):
        find("loss", "hinje")
    with pytest.raises(ValueError, match="registered twice"):
        register("loss", "hinge")(object())
