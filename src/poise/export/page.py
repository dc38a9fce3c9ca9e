"""`--page`: a folder with an index.html that draws from the generator in any browser, from the disk, asking nothing of
anybody: the graphs run in onnxruntime-web, which lies beside them."""

from __future__ import annotations

import gzip
import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poise.errors import PoiseError
from poise.export.plain import write_text

if TYPE_CHECKING:
    from poise.recipes.common.portable import Portable

FOLDER = "page"
SCRIPTS = {
    "images": ("common.js", "images.js"),
    "text": ("common.js", "text.js"),
    "speech": ("common.js", "sound.js", "speech.js"),
    "vocoder": ("common.js", "sound.js", "vocoder.js"),
}
RUNTIME = ("ort-wasm-simd-threaded.wasm.gz", "ort-wasm-simd-threaded.mjs")
LARGEST = 20_000_000  # bytes of the folder
ZIPPED = b"\x1f\x8b"
FIRST = 0x3400  # of 32,768 letters in a row, none of which has a meaning in a script


def written(portable: Portable, graphs: dict[str, bytes], title: str, about: str, folder: Path) -> list[str]:
    """Fill folder/page; returns lines that say what it is. Errors: PoiseError for a network that is too large."""
    import jinja2

    ours = resources.files("poise.export") / "web"
    place = folder / FOLDER
    place.mkdir()
    scripts = SCRIPTS[portable.page["kind"]]
    environment = jinja2.Environment(autoescape=True, keep_trailing_newline=True, trim_blocks=True)
    template = environment.from_string((ours / "index.html").read_text(encoding="utf-8"))
    write_text(place / "index.html", template.render(title=title, about=about, scripts=scripts))
    for name in ("page.css", *scripts):
        (place / name).write_bytes((ours / name).read_bytes())
    runtime = ours / "runtime"
    (place / "ort.wasm.min.js").write_bytes((runtime / "ort.wasm.min.js").read_bytes())
    wasm, glue = (packed((runtime / name).read_bytes()) for name in RUNTIME)
    write_script(place / "runtime.js", f'globalThis.POISE_RUNTIME = {{wasm: "{wasm}", glue: "{glue}"}};\n')
    (place / "LICENCE-onnxruntime-web.txt").write_bytes((runtime / "LICENCE.txt").read_bytes())
    model = {"about": dict(portable.page), "graphs": {name: packed(content) for name, content in graphs.items()}}
    write_script(place / "model.js", f"globalThis.POISE_MODEL = {json.dumps(model, ensure_ascii=False)};\n")
    size = sum(path.stat().st_size for path in place.iterdir())
    if size > LARGEST:
        raise PoiseError(
            f"the page would have {size / 1e6:.0f} MB, and {LARGEST / 1e6:.0f} are the most that a page may have: the "
            "network is too large for a browser; use --onnx or --torch"
        )
    return [f"{FOLDER}/index.html: {size / 1e6:.1f} MB, opens in a browser from the disk and asks nothing of anybody"]


def packed(content: bytes) -> str:
    """By gzip (what is packed already as it is), then 15 bits a letter: the number of bytes, a blank, the letters.

    The letters are U+3400 to U+B3FF, of one unit of UTF-16 each, which is how the scripts are written: 7 % more than
    the bytes, where base64 needs 33.
    """
    whole = content if content.startswith(ZIPPED) else gzip.compress(content, 9, mtime=0)
    bits = np.unpackbits(np.frombuffer(whole + bytes(-len(whole) % 15), np.uint8)).reshape(-1, 15)
    numbers = bits.astype(np.uint16) @ (1 << np.arange(14, -1, -1, dtype=np.uint16))
    letters = (numbers + FIRST).astype("<u2").tobytes().decode("utf-16-le")
    return f"{len(whole)} {letters}"


def write_script(path: Path, text: str) -> None:
    """In UTF-16 with a byte order mark, by which browsers know it."""
    path.write_bytes(b"\xff\xfe" + text.encode("utf-16-le", "backslashreplace"))
