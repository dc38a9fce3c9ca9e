"""The rows of a record that may be long: all of a short one, of a long one a sample, its end, and all scores."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from poise.disk import each_entry, loads, open_file
from poise.disk.rows import StepRow, wrong_row

WHOLE = 4 << 20  # bytes up to which all rows are read
SAMPLE = 1_000  # rows of a longer record, evenly spread over its bytes
TAIL = 500  # rows at its end
CHUNK = 8 << 20  # bytes that are searched for scores at once
SECONDS = 0.5  # for which they are searched, each time
MARK = 1_000  # bytes before the place that was reached
SCORE = b'"score/'
MOST = 20_000  # rows with scores; of more every second is forgotten
ADVICE = "put it back"


class LongRecord:
    """A record.jsonl that is read again and again while it grows.

    What was searched for scores once is not searched again; how much is kept is bounded by `SAMPLE`, `TAIL` and the
    number of scores. Lines of a long record that are damaged are left out: who reads all of it tells them.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path, self._clock = path, clock
        self.size = 0
        self._file: int | None = None  # which file it is: one that is written anew is another
        self._searched = 0
        self._mark = b""  # what stands before that place
        self.behind = False  # whether there was no time to search all of it
        self._scores: dict[int, StepRow] = {}  # place in the file -> row

    @property
    def sampled(self) -> bool:
        """Whether `rows` are not all."""
        return self.size > WHOLE

    @property
    def searched(self) -> float:
        """The part of the record in which scores were looked for."""
        return 1.0 if not self.sampled else self._searched / self.size

    def rows(self) -> list[StepRow]:
        """In the order of the file; none where there is no record. Errors: PoiseError for a damaged short one."""
        if not self._looked():
            return []
        if not self.sampled:
            return [StepRow(entry) for entry in each_entry(self.path, wrong_row, ADVICE)]
        with open_file(self.path) as file:
            self._search(file)
            found = dict(self._scores)
            found.update(self._spread(file))
            found.update(self._tail(file))
        return [found[place] for place in sorted(found)]

    def scored(self) -> list[StepRow]:
        """The rows with scores, and the last row: what a list tells. Damaged lines are left out."""
        if not self._looked():
            return []
        with open_file(self.path) as file:
            self._search(file)
            found = dict(self._scores)
            last = self._tail(file, 2)  # the last may have been cut off
        for place in sorted(last)[-1:]:
            found[place] = last[place]
        return [found[place] for place in sorted(found)]

    def _looked(self) -> bool:
        """Whether there is a record; one that has become shorter, or another one, is begun again."""
        try:
            known = os.lstat(self.path)
            size, file = known.st_size, known.st_ino
        except OSError:
            size, file = 0, None
        if size < self._searched or file != self._file or not self._marked():
            self._searched, self._mark = 0, b""
            self._scores.clear()
        self.size, self._file = size, file
        return size > 0

    def _marked(self) -> bool:
        """Whether what was searched ends as it did: the number of a file is given to another one when it is gone."""
        if not self._searched:
            return True
        with open_file(self.path) as file:
            file.seek(self._searched - len(self._mark))
            return file.read(len(self._mark)) == self._mark

    def _search(self, file: IO[bytes]) -> None:
        """Go on looking for scores, for `SECONDS` at most."""
        end = self._clock() + SECONDS
        self.behind = False
        while self._searched < self.size:
            file.seek(self._searched)
            block = file.read(CHUNK)
            whole = block.rfind(b"\n") + 1
            if not whole:
                return  # a line that is being written, or longer than any
            self._keep(block[:whole], self._searched)
            self._searched += whole
            self._mark = block[max(0, whole - MARK) : whole]
            if self._clock() >= end:
                self.behind = self._searched < self.size
                return

    def _keep(self, block: bytes, begin: int) -> None:
        """The rows with scores of whole lines that begin at a place of the file."""
        at = block.find(SCORE)
        while at >= 0:
            first = block.rfind(b"\n", 0, at) + 1
            last = block.find(b"\n", at)
            row = row_of(block[first:last])
            if row is not None:
                self._scores[begin + first] = row
            at = block.find(SCORE, last)
        while len(self._scores) > MOST:
            kept = sorted(self._scores)[::2]
            self._scores = {place: self._scores[place] for place in kept}

    def _spread(self, file: IO[bytes]) -> Iterator[tuple[int, StepRow]]:
        """Rows at even distances."""
        for i in range(SAMPLE):
            place = i * self.size // SAMPLE
            if place:
                file.seek(place - 1)
                place += len(file.readline(CHUNK)) - 1
            else:
                file.seek(0)
            row = row_of(file.readline(CHUNK))
            if row is not None:
                yield place, row

    def _tail(self, file: IO[bytes], most: int = TAIL) -> dict[int, StepRow]:
        """The last rows."""
        begin = max(0, self.size - (CHUNK if most == TAIL else CHUNK // 8))
        file.seek(begin)
        block = file.read(self.size - begin)
        found: dict[int, StepRow] = {}
        end = len(block)
        while len(found) < most and end > 0:
            first = block.rfind(b"\n", 0, end - 1) + 1
            row = row_of(block[first:end]) if first or not begin else None
            if row is not None:
                found[begin + first] = row
            end = first
        return found


def row_of(line: bytes) -> StepRow | None:
    """The row of a line; None for one that is damaged or was cut off."""
    try:
        entry = loads(line.decode())
    except ValueError:
        return None
    return StepRow(entry) if isinstance(entry, dict) and not wrong_row(entry) else None
