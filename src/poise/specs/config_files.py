"""Configuration files in the place of flags: --config FILE, in YAML or TOML, or the name of one that Poise brings."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from poise.disk.description import Arguments
from poise.errors import PoiseError, nearest
from poise.specs.yaml_text import loaded

PRESETS = Path(__file__).parent / "presets"


def presets() -> list[str]:
    """Names of the configuration files that Poise brings."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def located(path: str) -> str:
    """A file as it is named, or else that of Poise which is called so."""
    if not Path(path).exists() and path in presets():
        return str(PRESETS / f"{path}.yaml")
    return path


def read_config(path: str) -> Arguments:
    """The table of arguments in a YAML or TOML file, or in one that Poise brings."""
    kind = "TOML" if path.endswith(".toml") else "YAML"
    file = Path(located(path))
    if not file.is_file():
        raise PoiseError(
            f"--config {path or '(nothing)'}: there is no such file{nearest(path, presets(), '.')} Name a YAML or TOML "
            f"file, or one of {', '.join(presets())}"
        )
    try:
        text = file.read_text(encoding="utf-8")
        content = tomllib.loads(text) if kind == "TOML" else loaded(text)
    except PoiseError as error:
        raise PoiseError(f"--config {path} {error}") from None
    except RecursionError:
        raise PoiseError(f"--config {path} is nested too deeply") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise PoiseError(f"--config {path} is not valid {kind}: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise PoiseError(f"--config {path} must hold arguments such as 'steps: 1000', not {str(content)[:40]!r}")
    return content
