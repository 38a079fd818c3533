"""The place that the proof runs in: a network namespace with a loopback, and one way out, which ends in this process.

That way is a TUN device: what a program sends to anywhere but this machine is handed to us as the packet that it is. Names
are asked of a server that is nobody but us. Whatever the kernel would let a program find beside that, the name service of the
host through its sockets, is covered. Source: namespaces(7), user_namespaces(7), Documentation/networking/tuntap.rst.
"""

import ctypes
import errno
import fcntl
import ipaddress
import os
import signal
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ProofImpossible
from agent.operations.proof import links

DEVICE = "outside"
OURS_V4, OURS_V6 = ipaddress.ip_interface("192.0.2.1/32"), ipaddress.ip_interface("2001:db8::1/128")
RESOLVER = "192.0.2.53"
TUN = Path("/dev/net/tun")
MASKED = ("/run/nscd", "/var/run/nscd", "/run/systemd/resolve", "/run/dbus", "/run/avahi-daemon")
"""Sockets behind which a service of the host would look up a name for us, on the host's network."""
_NEWNS, _NEWUSER, _NEWNET = 0x00020000, 0x10000000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG = 1
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
ALLOW = (
    "Run it as root, or let users make user namespaces (sysctl user.max_user_namespaces and "
    "user.max_net_namespaces above 0, on Debian "
    "kernel.unprivileged_userns_clone=1, on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0), or give a container "
    "--cap-add SYS_ADMIN --cap-add NET_ADMIN --device /dev/net/tun and a seccomp profile that lets unshare and mount through."
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where this process is now.

    Attributes:
        tun: reads the packets that leave, whole, and takes those that come in.
        as_user: True if it took a user namespace, this user not being root.
    """

    tun: int
    as_user: bool


def step_aside() -> int | None:
    """Go on in a copy of this process that has one thread: only such a one may make a user namespace, and nothing stays outside.

    Returns:
        None in the copy; in the process itself its exit code, once it has ended.
    """
    copy = os.fork()
    if copy == 0:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        return None
    while True:
        try:
            code = os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])
            return code if code >= 0 else 128 - code
        except KeyboardInterrupt:  # it was told as well, and ends
            continue


def enter(folder: Path, stand_ins: Sequence[str] = ()) -> Place:
    """Leave the network of the host for good, with all that this process will start.

    Args:
        folder: an empty one, for the files that take the place of the host's.
        stand_ins: IPv4 addresses that are to lead back here.

    Raises:
        ProofImpossible: this machine doesn't let us; the message says what to allow.
    """
    if (threads := len(os.listdir("/proc/self/task"))) > 1:
        raise ProofImpossible(f"this process has {threads} threads, of which all but one would stay outside of the namespace")
    as_user = _unshare()
    try:
        tun = _open_tun()
        _connect(stand_ins)
    except OSError as error:
        raise ProofImpossible(f"the network namespace can't be set up: {error.strerror}. {ALLOW}") from error
    _mask_names(folder)
    return Place(tun, as_user)


def _unshare() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEWNS | _NEWNET) == 0:
        return False
    if ctypes.get_errno() != errno.EPERM:
        raise ProofImpossible(f"no network namespace can be made: {os.strerror(ctypes.get_errno())}. {ALLOW}")
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_NEWUSER | _NEWNS | _NEWNET) != 0:
        raise ProofImpossible(f"no user and network namespace can be made: {os.strerror(ctypes.get_errno())}. {ALLOW}")
    try:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1", encoding="ascii")
    except OSError as error:
        raise ProofImpossible(f"the user namespace may not be used: {error.strerror}. {ALLOW}") from error
    return True


def _open_tun() -> int:
    try:
        tun = os.open(TUN, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise ProofImpossible(
            f"{TUN}, by which every packet that leaves is seen, can't be opened: {error.strerror}. Load the module "
            f"(`modprobe tun`), let this user read and write it (it is meant for everybody: `chmod 666 {TUN}`), or give it to "
            f"the container (--device {TUN})."
        ) from error
    fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    return tun


def _connect(stand_ins: Sequence[str]) -> None:
    links.set_up("lo")
    has_v6 = _has_v6()
    if has_v6:
        links.make_no_addresses(DEVICE)
    links.set_up(DEVICE)
    links.add_address(DEVICE, OURS_V4)
    links.add_route(DEVICE, ipaddress.ip_network("0.0.0.0/0"))
    if has_v6:
        links.add_address(DEVICE, OURS_V6)
        links.add_route(DEVICE, ipaddress.ip_network("::/0"))
    for address in stand_ins:
        links.add_address("lo", ipaddress.ip_interface(f"{address}/32"))


def _has_v6() -> bool:
    """False where the kernel has none, or it is switched off: then no packet of it can be sent either."""
    try:
        return Path(f"/proc/sys/net/ipv6/conf/{DEVICE}/disable_ipv6").read_text(encoding="ascii").strip() == "0"
    except OSError:
        return False


def _mask_names(folder: Path) -> None:
    """Put our name server where programs look for theirs. Only this process and what it starts see that."""
    for name, text in {
        "resolv.conf": f"nameserver {RESOLVER}\noptions timeout:2 attempts:1\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n",
        "hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost\n",
    }.items():
        (folder / name).write_text(text, encoding="ascii")
    empty = folder / "empty"
    empty.mkdir()
    try:
        _mount("none", Path("/"), _MS_REC | _MS_PRIVATE)
        for name in ("resolv.conf", "nsswitch.conf", "hosts"):
            real = Path("/etc", name).resolve()  # often a link into /run
            if real.exists():
                _mount(str(folder / name), real, _MS_BIND)
            elif name == "resolv.conf":
                raise ProofImpossible(
                    "/etc/resolv.conf is missing or leads nowhere, so that no name server can be put in its place. "
                    "Make it, if empty: `touch /etc/resolv.conf`."
                )
        for path in MASKED:
            if Path(path).is_dir():
                _mount(str(empty), Path(path).resolve(), _MS_BIND)
    except OSError as error:
        raise ProofImpossible(f"the name server's file can't be covered: {error.strerror} ({error.filename}). {ALLOW}") from error


def _mount(source: str, target: Path, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), os.fsencode(target), None, ctypes.c_ulong(flags), None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(target))


def overflowed() -> int:
    """How many packets the device lost, because those before them had not been read yet. Source: proc(5), /proc/net/dev."""
    for line in Path("/proc/net/dev").read_text(encoding="ascii").splitlines():
        name, _, counts = line.partition(":")
        if name.strip() == DEVICE:
            return int(counts.split()[11])
    raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), DEVICE)


def has_way_out() -> bool:
    """True if a device other than the loopback and ours is switched on in this namespace: then nothing is proven.

    One that is off carries nothing: a kernel that has modules for tunnels puts one of each kind into every namespace (`sit0`,
    `tunl0`). Source: Documentation/admin-guide/sysctl/net.rst, fb_tunnels_only_for_init_net.
    """
    with suppress(OSError):
        lines = Path("/proc/net/dev").read_text(encoding="ascii").splitlines()[2:]
        others = {line.partition(":")[0].strip() for line in lines} - {"lo", DEVICE}
        return any(links.is_up(device) for device in others)
    return True
