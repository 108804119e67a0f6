"""Buckets of an S3 server of our own, and the environment that reaches it."""

import itertools
import os
from http.client import HTTPConnection

import pytest

pytest.importorskip("obstore", reason="the extra `objects` is not installed")
pytest.importorskip("moto.server", reason="moto is not installed (the development group)")

from tests.objects.server import Server, Trouble

_NUMBERS = itertools.count()
KEYS = {"AWS_ACCESS_KEY_ID": "paydown-key", "AWS_SECRET_ACCESS_KEY": "a-secret-that-nothing-tells"}


@pytest.fixture(scope="session")
def server():
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def bucket(server, monkeypatch):
    """Give the address of a new bucket."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": server.address, "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    server.trouble = Trouble()
    name = f"bucket-{os.getpid()}-{next(_NUMBERS)}"
    connection = HTTPConnection(server.address.removeprefix("http://"))
    connection.request("PUT", f"/{name}")
    assert connection.getresponse().status == 200
    connection.close()
    return f"s3://{name}"


@pytest.fixture
def impatient(monkeypatch):
    """Give up on a request after a second, and on its repetitions after three."""
    from paydown.store import access

    monkeypatch.setattr(access, "TIMEOUT_S", 1)
    monkeypatch.setattr(access, "RETRY_S", 3)
    monkeypatch.setattr(access, "RETRIES", 3)


@pytest.fixture
def store(bucket):
    from paydown.store import open_store

    return open_store(f"{bucket}/a/store", create=True)
