"""Pictures in the terminal: each way is taken apart again, and holds the pixels that were put in."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pyte
import pytest
from PIL import Image

from poise.disk.description import RunSpec
from poise.errors import PoiseError
from poise.report import in_terminal, live
from poise.report.in_terminal import WAYS, blocks, drawn, has_sixel, kitty, picture_in, sixel, way_of


def picture(width=6, height=5, colours=4):
    rng = np.random.default_rng(0)
    palette = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 51], [0, 102, 204]], np.uint8)[:colours]
    return Image.fromarray(palette[rng.integers(0, colours, (height, width))])


def test_half_blocks_are_the_pixels_as_a_terminal_shows_them():
    image = picture(6, 6)
    screen = pyte.Screen(10, 5)
    pyte.Stream(screen).feed("\r\n".join(f"{line}\x1b[0m" for line in blocks(image)))
    found = np.zeros((6, 6, 3), np.uint8)
    for y in range(3):
        for x in range(6):
            cell = screen.buffer[y][x]
            assert cell.data == "▀"
            found[2 * y, x] = list(bytes.fromhex(cell.fg))
            found[2 * y + 1, x] = list(bytes.fromhex(cell.bg))
    assert np.array_equal(found, np.asarray(image))


def test_an_odd_row_has_no_colour_below():
    last = list(blocks(picture(3, 5)))[-1]
    assert last.count("\x1b[49m") == 3 and "48;2" not in last


def test_kitty_holds_the_png_in_pieces():
    rng = np.random.default_rng(1)
    image = Image.fromarray(rng.integers(0, 256, (80, 80, 3), np.uint8))
    pieces = list(kitty(image))
    assert len(pieces) > 2 and all(len(piece) < in_terminal.CHUNK + 64 for piece in pieces)
    parts = [re.fullmatch(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", piece) for piece in pieces]
    assert "a=T,f=100" in parts[0][1] and [part[1][-3:] for part in parts] == ["m=1"] * (len(parts) - 1) + ["m=0"]
    data = base64.standard_b64decode("".join(part[2] for part in parts))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), np.asarray(image))


def decoded(text):
    """What a sixel terminal would draw: a small interpreter of the protocol."""
    head = re.match(r'\x1bP0;1q"1;1;(\d+);(\d+)', text)
    width, height = int(head[1]), int(head[2])
    out, colours, x, top, colour = np.full((height + 6, width, 3), -1), {}, 0, 0, 0
    body = text[head.end() : -2]
    for token in re.finditer(r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~])|(\$)|(-)", body):
        if token[1]:
            colours[int(token[1])] = [round(int(token[i]) * 255 / 100) for i in (2, 3, 4)]
        elif token[5]:
            colour = int(token[5])
        elif token[6] or token[8]:
            count, bits = int(token[6] or 1), ord(token[7] or token[8]) - 63
            for bit in range(6):
                if bits >> bit & 1:
                    out[top + bit, x : x + count] = colours[colour]
            x += count
        elif token[9]:
            x = 0
        else:
            x, top = 0, top + 6
    return out[:height]


@pytest.mark.parametrize("size", [(6, 5), (40, 13), (7, 6)])
def test_sixel_is_the_picture_again(size):
    image = picture(*size)
    assert np.abs(decoded("".join(sixel(image))) - np.asarray(image).astype(int)).max() <= 2, "a hundredth of a colour"


@pytest.mark.parametrize("way", [way for way in WAYS if way != "auto"])
@pytest.mark.parametrize("size", [(4, 4), (500, 300), (20, 900)])
def test_it_is_no_larger_than_the_terminal(tmp_path, way, size):
    Image.new("RGB", size, "red").save(tmp_path / "a.png")
    text = drawn(tmp_path / "a.png", 40, 10, way)
    if way == "blocks":
        lines = text.splitlines()
        assert len(lines) <= 10 and all(line.count("▀") <= 40 for line in lines)
    if way == "sixel":
        width, height = map(int, re.search(r'"1;1;(\d+);(\d+)', text).groups())
        assert width <= 40 * 8 and height <= 10 * 16


def test_what_is_no_picture_is_told(tmp_path):
    (tmp_path / "a.png").write_text("no")
    with pytest.raises(PoiseError, match=r"a\.png cannot be shown"):
        drawn(tmp_path / "a.png", 10, 10, "blocks")


def test_the_picture_among_samples(tmp_path):
    (tmp_path / "0001" / "clip").mkdir(parents=True)
    (tmp_path / "0001" / "clip" / "mel.png").write_bytes(b"")
    assert picture_in(tmp_path / "0001").name == "mel.png"
    assert picture_in(tmp_path / "0001.txt") is None and picture_in(tmp_path / "0001.png").name == "0001.png"


@pytest.mark.parametrize(
    ("environment", "way"),
    [({"KITTY_WINDOW_ID": "1"}, "kitty"), ({"TERM": "xterm-kitty"}, "kitty"), ({"TERM_PROGRAM": "WezTerm"}, "kitty"),
     ({"TERM": "xterm-256color"}, "blocks")],
)  # fmt: skip
def test_the_terminal_says_what_it_can(monkeypatch, environment, way):
    for name in ("KITTY_WINDOW_ID", "TERM", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert way_of("auto", io.StringIO()) == way and way_of("sixel", io.StringIO()) == "sixel"
    with pytest.raises(PoiseError, match="use auto, blocks, kitty, sixel"):
        way_of("ascii", io.StringIO())


@pytest.mark.parametrize(
    ("answer", "can"),
    [(b"\x1b[?62;4;22c", True), (b"\x1b[?64;1;2;4c", True), (b"\x1b[?62;22c", False), (b"\x1b[?4c", False),
     (b"", False), (b"\x1b[?62;14;44c", False), (b"garbage4", False)],
)  # fmt: skip
def test_an_answer_with_attribute_four_is_sixel(answer, can):
    assert has_sixel(answer) is can


def test_a_run_draws_each_grid_above_its_table(monkeypatch, tmp_path):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "40")
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    picture(30, 30).save(tmp_path / "00000004.png")
    view = live.view(show="blocks")
    facts = {"data": "d", "device": "cpu", "precision": "fp32", "threads": 1}
    view.open(tmp_path, RunSpec(arguments={"batch": 2}, facts=facts), 0, 8)
    view.step(4, {"generator/grad_norm": 1.0, "generator/adversarial": 0.5})
    view.shown(4, tmp_path / "00000004.png", 8, None)
    view.drawn = 0.0
    view.step(5, {"generator/adversarial": 0.25})
    screen = pyte.Screen(80, 40)
    pyte.Stream(screen).feed(terminal.getvalue().replace("\n", "\r\n"))
    view.close()
    lines = [line.rstrip() for line in screen.display if line.strip()]
    grid = [i for i, line in enumerate(lines) if "▀" in line]
    table = next(i for i, line in enumerate(lines) if "adversarial 0.250" in line)
    assert len(grid) == 15 and grid[-1] < table and "00000004.png" in "".join(lines[: grid[0]])


def test_where_nothing_can_be_drawn_it_says_so(monkeypatch, capsys):
    assert isinstance(live.view(show="auto"), live.Lines)
    assert "this is no terminal that draws" in capsys.readouterr().out
