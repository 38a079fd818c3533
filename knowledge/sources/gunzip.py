"""Bodies and files packed with gzip, opened without trust: a few kilobytes can hold gigabytes."""

import zlib
from collections.abc import Iterable, Iterator

STEP = 65_536
_GZIP = 16 + zlib.MAX_WBITS
MAGIC = b"\x1f\x8b"


class BrokenGzip(ValueError):
    """The bytes are not gzip, or end too early."""


def unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What the gzip holds, in pieces of at most 64 KiB: whoever stops taking them stops the work.

    Raises:
        BrokenGzip: the bytes are not gzip, or end too early.
    """
    unpacker = zlib.decompressobj(_GZIP)
    for chunk in chunks:
        rest = chunk
        if unpacker.eof:
            rest = unpacker.unused_data + chunk
            if not rest.startswith(MAGIC):
                return
            unpacker = zlib.decompressobj(_GZIP)
        while True:
            try:
                piece = unpacker.decompress(rest, STEP)
            except zlib.error as error:
                raise BrokenGzip(f"is not readable as gzip: {error}") from error
            if piece:
                yield piece
            rest = unpacker.unconsumed_tail
            if unpacker.eof and unpacker.unused_data.startswith(MAGIC):  # RFC 1952: members may follow each other
                rest = unpacker.unused_data
                unpacker = zlib.decompressobj(_GZIP)
            elif unpacker.eof or not (rest or len(piece) == STEP):
                break
    if not unpacker.eof:
        raise BrokenGzip("ends in the middle of its gzip data")
