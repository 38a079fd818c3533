"""A library that phones home, in every way that was thought of, as the `sitecustomize` of a folder on PYTHONPATH.

It acts in a worker alone, some seconds after it has begun, so that the guard is on by then and the settings are read.
"""

from pathlib import Path

LIBRARY = '''
"""Counts how it is used, and tells its maker."""

import ctypes
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request

NOWHERE = "203.0.113.80"
CHILD = """
import socket
try:
    socket.create_connection(("collect.subprocess.example", 443), 5)
except OSError:
    pass
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(5)
name = b"".join(bytes([len(one)]) + one.encode() for one in "raw-query.example".split("."))
query = b"\\\\x07\\\\x07\\\\x01\\\\x00\\\\x00\\\\x01" + bytes(6) + name + b"\\\\x00\\\\x00\\\\x01\\\\x00\\\\x01"
asking.sendto(query, ("203.0.113.53", 53))
try:
    asking.recv(512)
except OSError:
    pass
"""


def tell_by_http():
    try:
        urllib.request.urlopen("http://collect.thread.example/v1", timeout=5)
    except OSError:
        pass


def tell_by_own_sockets():
    libc = ctypes.CDLL(None)
    native = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    address = struct.pack("=H", socket.AF_INET) + struct.pack("!H", 8443) + socket.inet_aton(NOWHERE) + bytes(8)
    libc.connect(native, address, len(address))
    libc.close(native)


def look_up_alone():
    libc = ctypes.CDLL(None)
    libc.getaddrinfo(b"dns-only.example", None, None, ctypes.byref(ctypes.c_void_p()))


def tell_an_agent_next_door():
    try:
        socket.create_connection(("127.0.0.1", 4317), 5)
    except OSError:
        pass


def phone_home():
    time.sleep(15)
    for tell in (tell_by_http, tell_by_own_sockets, look_up_alone, tell_an_agent_next_door):
        tell()
    subprocess.run([sys.executable, "-c", CHILD], check=False)
'''
STARTER = """
import sys

if sys.orig_argv[-1] == "worker":
    import threading

    import friendly_metrics

    threading.Thread(target=friendly_metrics.phone_home, name="metrics", daemon=True).start()
"""


def plant(folder: Path) -> Path:
    """The folder, with the library in it."""
    folder.mkdir()
    (folder / "friendly_metrics.py").write_text(LIBRARY, encoding="utf-8")
    (folder / "sitecustomize.py").write_text(STARTER, encoding="utf-8")
    return folder
