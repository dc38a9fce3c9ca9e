"""Pictures of the pages for the documentation, in Debian's Chromium: of `poise serve`, and of `poise export --page`.

    python bench/page_pictures.py RUN --out docs/pages      # RUN: of pictures; the others that lie beside it are shown

Writes list.png, run-dark.png (1200 pixels wide), run-phone-zh.png (400), play.png, where another run lies beside it
compare.png, with --study study.png, and page.png. Needs .[web,export,dev], chromium and chromium-driver. --only play:
one of them.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from poise.export.export import Wanted, export
from poise.record import RunFolder, find_run
from poise.runs.load import Run
from poise.serve.app import application

# Two favourites, once the pictures are there.
STARS = """
const star = () => {
  const cells = document.querySelectorAll("#cells button");
  if (cells.length < 12) { setTimeout(star, 200); return; }
  cells[4].click();
  cells[11].click();
};
star();
"""
COLOURS = 128  # of a picture: small files


@contextmanager
def browser(width: int, height: int, dark: bool) -> Iterator[Any]:
    options = Options()
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={width},{height}", "--lang=en"):
        options.add_argument(word)
    made = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    made.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    yield made
    made.quit()


def picture(address: str, path: Path, width: int, height: int, dark: bool = False, script: str = "") -> None:
    """The page at an address, once it is ready and a script was run in it."""
    with browser(width, height, dark) as page:
        page.get(address)
        end = time.monotonic() + 30
        while not page.execute_script("return document.body.dataset.ready") and time.monotonic() < end:
            time.sleep(0.1)
        if script:
            page.execute_script(script)
        for _ in range(3):  # what was drawn may lead to further drawings
            time.sleep(1)
            while page.execute_script("return typeof played !== 'undefined' && (played.working || wishes.size > 0)"):
                time.sleep(0.1)
        shot = Image.open(io.BytesIO(page.get_screenshot_as_png()))
        shot.convert("RGB").quantize(COLOURS).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--out", type=Path, default=Path("docs/pages"))
    parser.add_argument("--only", help="list, run-dark, run-phone-zh, play, compare, study or page")
    parser.add_argument("--study", type=Path, help="the folder of a study, for study.png")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    folder = find_run(options.run)
    server = uvicorn.Server(
        uvicorn.Config(application(folder.path.parent, studies=options.study), port=0, log_level="error")
    )
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    chinese = "document.getElementById('language').click()"
    names = [path.name for path in sorted(folder.path.parent.iterdir()) if (path / "spec.json").is_file()]
    beside = "/".join([folder.name, *(name for name in names if name != folder.name)][:2])
    shown: dict[str, tuple[str, dict[str, Any]]] = {
        "list": ("", {"width": 1000, "height": 700}),
        "run-dark": (f"#/{folder.name}", {"width": 1200, "height": 1500, "dark": True}),
        "run-phone-zh": (f"#/{folder.name}", {"width": 400, "height": 1100, "script": chinese}),
        "play": (f"#play/{folder.name}", {"width": 1000, "height": 1250, "script": STARS}),
    }
    if "/" in beside:
        shown["compare"] = (f"#compare/{beside}", {"width": 1200, "height": 1900})
    if options.study is not None:
        shown["study"] = (f"#study/{options.study.resolve().name}", {"width": 1200, "height": 1500})
    for name, (place, asked) in shown.items():
        if options.only in (None, name):
            picture(f"{address}/{place}", options.out / f"{name}.png", **asked)
    if options.only in (None, "page"):
        handed_page(folder, options.out)


def handed_page(folder: RunFolder, out: Path) -> None:
    """That of `poise export --page`."""
    with tempfile.TemporaryDirectory() as place:
        export(Run(folder), Path(place) / "handed", Wanted(page=True))
        pick = "for (const i of [2, 9]) document.querySelectorAll('.picture')[i].click()"
        page = (Path(place) / "handed" / "page" / "index.html").as_uri()
        picture(page, out / "page.png", 900, 1000, script=pick)


if __name__ == "__main__":
    main()
