"""A network link with latency: slow-link.py CLIENT SERVER ONE_WAY_MS joins two network namespaces, which it makes, as 10.77.0.1 and 10.77.0.2.

Real IP packets wait in it, so acknowledgements and Nagle's algorithm count as they do on a long way; through a TCP proxy they would not. It prints `up` when
packets pass, and removes the namespaces when its standard input ends. It needs root.
"""
import ctypes
import fcntl
import heapq
import os
import select
import struct
import subprocess
import sys
import time

CLIENT, SERVER, DELAY = sys.argv[1], sys.argv[2], float(sys.argv[3]) / 1000
TUNSETIFF, TUN_WITHOUT_HEADER = 0x400454CA, 0x1001
libc = ctypes.CDLL(None, use_errno=True)


def device_in(namespace, address):
    """A tunnel device in the namespace; what is read from it are packets."""
    entrance = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(entrance, 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", b"slow0", TUN_WITHOUT_HEADER))
    for words in (["addr", "add", f"{address}/24", "dev", "slow0"], ["link", "set", "slow0", "up"], ["link", "set", "lo", "up"]):
        subprocess.check_call(["ip", *words])
    return device


for name in (CLIENT, SERVER):
    subprocess.check_call(["ip", "netns", "add", name])
try:
    ends = [device_in(CLIENT, "10.77.0.1"), device_in(SERVER, "10.77.0.2")]
    print("up", flush=True)
    waiting, number, over = [], 0, False
    while not over:
        now = time.monotonic()
        readable, _, _ = select.select([0, *ends], [], [], max(0, waiting[0][0] - now) if waiting else None)
        now = time.monotonic()
        over = 0 in readable and os.read(0, 1) == b""
        for device in readable:
            if device == 0:
                continue
            try:
                while True:
                    number += 1
                    heapq.heappush(waiting, (now + DELAY, number, ends[1 - ends.index(device)], os.read(device, 65536)))
            except BlockingIOError:
                pass
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, device, packet = heapq.heappop(waiting)
            try:
                os.write(device, packet)
            except OSError:
                pass
finally:
    for name in (CLIENT, SERVER):
        subprocess.call(["ip", "netns", "del", name])
