"""A data file that cannot be written fails once, with a sentence, and leaves nothing that complains later."""

import errno
import gc
import io
import os
import sys
from contextlib import contextmanager

import pytest

from paydown.errors import StoreError
from paydown.store import delta, parquet
from paydown.store.tables import physical, table_of


class FullAfter(io.BytesIO):
    """A file on a disk that has room for some writes."""

    def __init__(self, writes):
        super().__init__()
        self.left = writes

    def write(self, data):
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.mark.parametrize("writes", range(4))
def test_a_writer_whose_disk_is_full_is_not_heard_of_again(writes, monkeypatch):
    @contextmanager
    def created(uri, path):
        try:
            yield FullAfter(writes)
        except OSError as error:
            raise StoreError(f"cannot write {uri}/{path}: {error.strerror}.") from error

    later = []
    monkeypatch.setattr(delta, "created", created)
    monkeypatch.setattr(sys, "unraisablehook", lambda said: later.append(str(said.exc_value)))
    rows = physical("pools").empty_table()
    with pytest.raises(StoreError, match="No space left"):
        parquet.write("s", table_of("pools"), ("c", "2026-01-01"), rows)
    gc.collect()
    assert later == []
