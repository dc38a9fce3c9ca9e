"""The one place through which files of a run, a study and the cache are opened, written, locked and removed.

A run folder may come from somebody else. Only regular files are opened; no link is followed, and none is written
through; what is read is bounded; temporary names are random and made exclusively; nothing damaged is repaired in
silence. Folders above a run folder are the user's own and may be links.
"""

from __future__ import annotations

from poise.disk.place import cache_dir, expanded, seen_from
from poise.disk.reading import (
    bytes_below,
    each_entry,
    entries,
    folders_with,
    inspect,
    loads,
    open_file,
    read_bytes,
    read_json,
    read_lines,
    regular,
)
from poise.disk.rows import natural
from poise.disk.writing import (
    WAIT,
    alive,
    append,
    check_parent,
    host,
    locked,
    make_folder,
    open_to_append,
    remove,
    sweep,
    temporary_folder,
    write_atomically,
    write_json,
    written,
)

__all__ = [
    "WAIT", "alive", "append", "bytes_below", "cache_dir", "check_parent", "each_entry", "entries", "expanded",
    "folders_with", "host", "inspect", "loads", "locked", "make_folder", "natural", "open_file", "open_to_append",
    "read_bytes", "read_json", "read_lines", "regular", "remove", "seen_from", "sweep", "temporary_folder",
    "write_atomically", "write_json", "written",
]  # fmt: skip
