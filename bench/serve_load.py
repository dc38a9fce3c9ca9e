"""What viewers cost: a run that trains alone and with `viewers` looking on, a long record, many runs, one that goes on.

    python bench/serve_load.py --viewers 200 --json bench/serve_load.json

Training is one process of one thread, the server another; the viewers, all of them one process beside both, ask each
second as the page does, with the version that they have. Alone and looked at take turns, `--rounds` times; what is told
is the median of the pairs' quotients with its extremes, processor seconds of the server per second, its memory, and
how long a record of a million rows and a list of a thousand runs take to open the first time. Needs .[web].
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

import poise
import poise.monitor  # as once the server has answered
from poise.serve.views import Views

SECONDS = 12.0
ROWS, RUNS = 1_000_000, 1_000


def steps_of(run: Path) -> int:
    """The last recorded step of a run."""
    with (run / "record.jsonl").open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 200_000))
        return int(json.loads(file.read().splitlines()[-2])["step"])


def used(process: int) -> tuple[float, float]:
    """Processor seconds and megabytes of a process."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    seconds = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return seconds, pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def viewer(port: int, name: str, delay: float, answers: list[int]) -> None:
    """Ask each second as the page does."""
    await asyncio.sleep(delay)
    tag = ""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while True:
                known = f"If-None-Match: {tag}\r\n" if tag else ""
                writer.write(f"GET /api/run/{name} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{known}\r\n".encode())
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
                fields = {key.lower(): value for key, value in fields.items()}
                tag = fields.get("etag", tag)
                if "304" not in head.splitlines()[0]:
                    await reader.readexactly(int(fields.get("content-length", 0)))
                answers.append(int(head.split()[1]))
                await asyncio.sleep(1.0)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()


async def look_on(port: int, name: str, viewers: int, seconds: float) -> list[int]:
    answers: list[int] = []
    asking = [asyncio.create_task(viewer(port, name, i / viewers, answers)) for i in range(viewers)]
    await asyncio.sleep(seconds)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    return answers


def of_viewers(place: Path, viewers: int, rounds: int) -> dict[str, object]:
    """A training run with and without `viewers`."""
    pictures = np.random.default_rng(0).integers(0, 256, (500, 32, 32, 3), np.uint8)
    np.save(place / "pictures.npy", pictures)
    train = ["train", "images", str(place / "pictures.npy"), "--steps", "1000000", "--scores", "0",
             "--network", "dcgan", "--generator.width", "8", "--discriminator.width", "8",
             "--log-every", "2", "--threads", "1",
             "--out", str(place / "runs" / "going"), "--quiet"]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    training = subprocess.Popen([sys.executable, "-m", "poise", *train], env=environment)
    run = place / "runs" / "going"
    while not (run / "record.jsonl").exists() or (run / "record.jsonl").stat().st_size < 20_000:
        time.sleep(0.5)
    port = 18741
    words = [sys.executable, "-m", "poise", "serve", str(place / "runs"), "--port", str(port)]
    server = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
    asked = f"http://127.0.0.1:{port}/api/run/going"
    for _ in range(100):
        try:
            urllib.request.urlopen(asked, timeout=20).read()
            break
        except OSError:
            time.sleep(0.2)
    quotients, costs, answers, memory = [], [], 0, 0.0
    for _ in range(rounds):
        first, begun = steps_of(run), time.monotonic()
        time.sleep(SECONDS)
        alone = (steps_of(run) - first) / (time.monotonic() - begun)
        first, begun, before = steps_of(run), time.monotonic(), used(server.pid)[0]
        answers += len(asyncio.run(look_on(port, "going", viewers, SECONDS)))
        passed = time.monotonic() - begun
        after, memory = used(server.pid)
        quotients.append((steps_of(run) - first) / passed / alone)
        costs.append((after - before) / passed)
        print(f"alone {alone:.1f} steps a second, looked at {100 * quotients[-1]:.1f} % of that", flush=True)
    for process in (server, training):
        process.kill()
        process.wait()
    return {
        "viewers": viewers,
        "rounds": rounds,
        "answers a second": answers / rounds / SECONDS,
        "speed looked at, of alone": [round(q, 3) for q in quotients],
        "median": statistics.median(quotients),
        "server's processor seconds a second": statistics.median(costs),
        "server's memory, MB": memory,
    }


def shown_after(place: Path, times: int = 10) -> list[float]:
    """Seconds from a row that a run writes to its steps in the page, in Chromium; empty where there is none."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        return []
    import threading

    import uvicorn
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    from poise.serve.app import application

    run = place / "page" / "run"
    shutil.copytree(place / "short", run)
    for name in ("DONE", "report.json"):
        (run / name).unlink()
    server = uvicorn.Server(uvicorn.Config(application(run.parent), port=0, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    options = Options()
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--lang=en"):
        options.add_argument(word)
    page = webdriver.Chrome(options=options, service=Service(driver))
    found = []
    try:
        page.get(f"http://127.0.0.1:{port}/#/run")
        text = "return [...document.querySelectorAll('.u-legend')].map((one) => one.textContent).join() + state.tag"
        time.sleep(3)
        last = json.loads((run / "record.jsonl").read_text().splitlines()[-1])
        for i in range(times):
            before = page.execute_script(text)
            time.sleep(0.37 * (i % 4))
            with (run / "record.jsonl").open("a") as file:
                file.write(json.dumps({**last, "step": last["step"] + 2 * (i + 1)}) + "\n")
            begun = time.monotonic()
            while page.execute_script(text) == before:
                time.sleep(0.02)
            found.append(round(time.monotonic() - begun, 2))
    finally:
        page.quit()
        server.should_exit = True
    return found


def opened(place: Path) -> dict[str, object]:
    """How long a long record and a list of many runs take the first time."""
    run = place / "short"
    poise.train(
        "images", place / "pictures.npy", out=run, steps=200, batch=8, scores=2, score_samples=10, log_every=2,
        generator={"width": 2}, discriminator={"width": 2},
    )  # fmt: skip
    lines = (run / "record.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    ordinary = [row for row in rows if not any(key.startswith("score/") for key in row)]
    scored = next(row for row in rows if any(key.startswith("score/") for key in row))
    long = place / "long" / "run"
    shutil.copytree(run, long)
    for name in ("DONE", "report.json"):
        (long / name).unlink()
    with (long / "record.jsonl").open("w") as file:
        for i in range(ROWS):
            row = scored if i % 10_000 == 9_999 else ordinary[i % len(ordinary)]
            file.write(json.dumps({**row, "step": i}) + "\n")
    many = place / "many"
    for i in range(RUNS):
        shutil.copytree(run, many / f"run-{i:04d}", ignore=shutil.ignore_patterns("checkpoints"))
        if i % 2:
            (many / f"run-{i:04d}" / "DONE").unlink()
    found: dict[str, object] = {"rows": ROWS, "gigabytes": (long / "record.jsonl").stat().st_size / 1e9, "runs": RUNS}
    times = [seconds(lambda: Views(place / "long").run("run")) for _ in range(3)]
    lists = [seconds(lambda: Views(many).runs()) for _ in range(3)]
    waited = Views(many)
    answers = 1
    while any(row["state"] == "reading" for row in waited.runs().content["runs"]):  # type: ignore[attr-defined]
        waited.answers._known.clear()
        answers += 1
    found["seconds until a row is shown"] = shown_after(place)
    found |= {"seconds of a long record": times, "seconds of a list": lists, "answers until all were read": answers}
    return found


def seconds(do: object) -> float:
    begun = time.monotonic()
    do()  # type: ignore[operator]
    return round(time.monotonic() - begun, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        found = {**of_viewers(place, options.viewers, options.rounds), **opened(place)}
    print(json.dumps(found, indent=2))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
