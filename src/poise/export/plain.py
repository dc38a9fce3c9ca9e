"""`--torch`: a folder that runs with torch alone: generator.py, weights.safetensors, README.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poise.export.bundle import Bundle
from poise.export.standalone import read_wav, read_weights, tiled, write_png, write_wav

if TYPE_CHECKING:
    from torch import nn

    from poise.recipes.common.portable import Portable

CODE, WEIGHTS = "generator.py", "weights.safetensors"
HOW = {"images": "-n 64 --seed 3", "text": "-n 64 --seed 3", "speech": "TEXT --out said.wav"}
HOW |= {"vocoder": "in.wav --out again.wav"}  # the words behind python generator.py
FILES = {"images": (tiled, write_png), "text": (), "speech": (write_wav,), "vocoder": (read_wav, write_wav)}


def written(portable: Portable, generator: nn.Module, title: str, folder: Path) -> list[str]:
    """Fill the folder; returns lines that say what is in it."""
    from safetensors.torch import save

    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in generator.state_dict().items()}
    weights = save(state)
    (folder / WEIGHTS).write_bytes(weights)
    for name, table in portable.tables.items():
        write_text(folder / name, json.dumps(table, ensure_ascii=False) + "\n")
    text = code(portable, title)
    write_text(folder / CODE, text)
    how = f"python {CODE} {HOW[portable.page['kind']]}"
    return [
        f"{CODE}: {len(text.splitlines())} lines that need torch and nothing else; {how}",
        f"{WEIGHTS}: {len(weights) / 1e6:.1f} MB, sha256 {hashlib.sha256(weights).hexdigest()}",
    ]


def code(portable: Portable, title: str) -> str:
    """The text of generator.py."""
    bundle = Bundle()
    bundle.imports("argparse")
    things: list[Callable[..., Any]] = [*portable.network.functions(), *portable.uses, read_weights]
    things += FILES[portable.page["kind"]]
    for thing in things:
        bundle.add(thing)
    calls = "\n".join([*portable.lines, "", "Trained and written by Poise; its code below: Apache-2.0."])
    plainly = title.replace("\\", "/").replace('"', "'")  # it may hold names that somebody else gave
    opening = f'"""{plainly}\n\n{calls}\n"""'
    return f"{bundle.text(opening)}\n\n{opens(portable)}\n{portable.program}"


def opens(portable: Portable) -> str:
    """The function that opens the generator."""
    return (
        "def open_generator(folder: Path = Path(__file__).parent) -> nn.Module:\n"
        '    """The generator with its weights, in evaluation mode."""\n'
        f"    generator = {portable.network.code()}\n"
        f'    generator.load_state_dict(read_weights(folder / "{WEIGHTS}"))\n'
        "    return generator.eval()\n"
    )


def write_text(path: Path, text: str) -> None:
    """In UTF-8; a byte of a file name that is no text is written \\udce9."""
    path.write_bytes(text.encode("utf-8", "backslashreplace"))
