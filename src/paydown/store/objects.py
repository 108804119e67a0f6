"""The files of a store on an object store that speaks S3, by obstore (the extra `objects`)."""

from __future__ import annotations

import errno
import io
import os
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from paydown.errors import MissingExtraError, StoreError
from paydown.store import access, pieces
from paydown.store.files import reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from duckdb import DuckDBPyConnection
    from obstore.store import S3Store

AHEAD = 8
"""How many files are fetched at a time."""

PAUSES_S = (0.0, 0.2, 1.0)
"""How long to wait, in seconds, before each try of a put that may be done once only: the library tries it once."""

NO_CONDITIONS = (
    "{place}: this object store lets a writer overwrite what another wrote, since it does not heed If-None-Match "
    "(conditional puts); it cannot hold a store that is written. AWS S3, MinIO, Ceph and Cloudflare R2 do heed it."
)
"""What is said where two writers could not be told apart."""


class Objects:
    """Files as objects of one bucket; `paydown.store.files.Files` says what the methods do."""

    def __init__(self, bucket: str, reach: dict[str, str], client: S3Store) -> None:
        self._root = f"{access.SCHEME}://{bucket}/"
        self._reach = reach
        self._client = client

    def _key(self, place: str) -> str:
        return place.removeprefix(self._root)

    def kind(self, place: str) -> str:  # noqa: ARG002
        """Name it by its scheme."""
        return access.SCHEME

    def vacant(self, place: str) -> bool:
        """Tell whether no object lies under the prefix."""
        return not next(iter(self._listed(place)), ())

    def _listed(self, folder: str) -> Iterator[list[Any]]:
        with _told(folder):
            yield from self._client.list(self._prefix(folder))

    def _prefix(self, folder: str) -> str:
        """Give what the objects of a folder begin with: nothing where it is the bucket itself."""
        return f"{folder}/".removeprefix(self._root)

    def read(self, place: str) -> bytes:
        """Get an object whole."""
        with _told(place):
            return bytes(self._client.get(self._key(place)).bytes())

    def size(self, place: str) -> int:
        """Ask for the size of an object."""
        with _told(place):
            return int(self._client.head(self._key(place))["size"])

    def add(self, place: str, content: bytes) -> bool:
        """Put an object where there is none; where the answer was lost, look whose it is."""
        from obstore.exceptions import BaseError

        failure: OSError | None = None
        for pause_s in PAUSES_S:
            time.sleep(pause_s)
            try:
                self._client.put(self._key(place), content, mode="create", use_multipart=False)
            except BaseError as error:
                failure = _failure(place, error)
                with suppress(FileNotFoundError):
                    return self.read(place) == content
            else:
                return True
        raise failure or OSError(errno.EIO, "it was not tried", place)

    def replace(self, place: str, content: bytes) -> None:
        """Put an object."""
        with _told(place):
            self._client.put(self._key(place), content, use_multipart=False)

    @contextmanager
    def created(self, place: str) -> Iterator[BinaryIO]:
        """Put what was written as one object; nothing is there before the end."""
        sink = io.BytesIO()
        yield sink
        self.replace(place, sink.getvalue())

    def remove(self, places: Sequence[str]) -> None:
        """Delete objects."""
        if places:
            with _told(places[0]):
                self._client.delete([self._key(place) for place in places])

    def sizes(self, folder: str) -> dict[str, int]:
        """List the objects under a prefix."""
        start = len(self._prefix(folder))
        return {each["path"][start:]: each["size"] for chunk in self._listed(folder) for each in chunk}

    def folders(self, folder: str) -> set[str]:
        """List the common prefixes right below one."""
        with _told(folder):
            found = self._client.list_with_delimiter(self._prefix(folder))["common_prefixes"]
        return {each.rstrip("/").rpartition("/")[2] for each in found}

    def keep(self, places: Iterable[str]) -> None:
        """Do nothing: what an object store has answered for, it keeps."""

    def sources(self, places: Sequence[str], sizes: Sequence[int], columns: Collection[str]) -> Iterator[pa.NativeFile]:
        """Fetch files some ahead of the reader: small ones whole, of large ones what these columns need."""

        def fetched(place: str, size: int) -> pa.NativeFile:
            with _told(place):
                return pieces.opened(self._client, self._key(place), size, columns)

        if len(places) < 2:  # noqa: PLR2004 (nothing to fetch ahead)
            yield from map(fetched, places, sizes)
            return
        with ThreadPoolExecutor(AHEAD, "paydown-objects") as pool:
            coming = deque(pool.submit(fetched, *each) for each in zip(places[:AHEAD], sizes[:AHEAD], strict=True))
            for place, size in zip(places[AHEAD:], sizes[AHEAD:], strict=True):
                yield coming.popleft().result()
                coming.append(pool.submit(fetched, place, size))
            while coming:
                yield coming.popleft().result()

    def attach(self, database: DuckDBPyConnection) -> None:
        """Register a file system with DuckDB: none of its extensions is needed."""
        from paydown.store.mounted import Mounted

        # DuckDB's other threads would wait for the interpreter, and the thread that holds it for a lock of theirs.
        database.execute("SET threads = 1")
        database.register_filesystem(
            Mounted(
                access.SCHEME, config=self._reach, client_options=access.client_options(self._reach),
                retry_config=_retries(), skip_instance_cache=True,
            )
        )  # fmt: skip

    def options(self) -> dict[str, str]:
        """Give Delta Lake's storage options."""
        return access.delta_options(self._reach)

    def guard(self, place: str, content: bytes) -> None:
        """Put again what is there already, on condition that nothing is: it must be refused."""
        from obstore.exceptions import AlreadyExistsError

        try:
            with _told(place, AlreadyExistsError):
                self._client.put(self._key(place), content, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return
        except OSError as error:
            raise StoreError(f"cannot write {place}: {error.strerror}.") from error
        raise StoreError(NO_CONDITIONS.format(place=place))


@contextmanager
def _told(place: str, *but: type[Exception]) -> Iterator[None]:
    """Turn what obstore raises into an OSError of one line."""
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise OSError(errno.EIO, f"there is no bucket {access.bucket_of(place)}") from error
        raise FileNotFoundError(errno.ENOENT, "there is no such object", place) from error
    except but:
        raise
    except BaseError as error:
        raise _failure(place, error) from error


def _failure(place: str, error: Exception) -> OSError:
    told = reason(str(error))
    if any(each in told for each in access.OF_THE_MACHINE):
        told = f"{access.NO_KEYS} ({told})"
    return OSError(errno.EIO, told, place)


def objects(place: str) -> Objects:
    """Give what handles the objects at an address; made once for each process, bucket and set of keys."""
    bucket = access.bucket_of(place)
    return _objects(os.getpid(), bucket, tuple(sorted(access.reach().items())))


@lru_cache(maxsize=16)
def _objects(process: int, bucket: str, reach: tuple[tuple[str, str], ...]) -> Objects:  # noqa: ARG001 (no fork shares one)
    try:
        from obstore.store import S3Store
    except ImportError:
        raise MissingExtraError("A store on S3 needs an extra: pip install 'paydown[objects]'.") from None
    told: Any = {**dict(reach), "conditional_put": "etag"}
    client = S3Store(bucket, config=told, client_options=access.client_options(told), retry_config=_retries())  # type: ignore[arg-type]
    return Objects(bucket, dict(reach), client)


def _retries() -> Any:
    return {"max_retries": access.RETRIES, "retry_timeout": timedelta(seconds=access.RETRY_S)}
