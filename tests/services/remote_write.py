"""Remote write to Prometheus (protocol 0.1.0): protobuf by hand, snappy as literals, which is valid."""

import struct
from urllib.request import Request, urlopen

CHUNK = 65_536
HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


def _number(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def _field(number, content):
    return _number(number << 3 | 2) + _number(len(content)) + content


def _series(labels, samples):
    named = (
        _field(1, _field(1, key.encode()) + _field(2, str(value).encode())) for key, value in sorted(labels.items())
    )
    timed = (_field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _number(int(at))) for value, at in samples)
    return _field(1, b"".join(named) + b"".join(timed))


def _snappy(content):
    chunks = (content[i : i + CHUNK] for i in range(0, len(content), CHUNK))
    return _number(len(content)) + b"".join(b"\xf4" + struct.pack("<H", len(one) - 1) + one for one in chunks)


def write(url, series):
    """Send series, pairs of labels and of (value, unix milliseconds) samples; an error where the server refuses one."""
    body = _snappy(b"".join(_series(*one) for one in series))
    with urlopen(Request(f"{url}/api/v1/write", body, HEADERS), timeout=60) as answer:  # noqa: S310
        return answer.status
