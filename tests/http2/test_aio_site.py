"""The site of `python -m http2 serve`: files and nothing but them, and the resources that try out a client."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from http2 import ErrorCode
from http2.aio import StreamResetError, connect
from http2.aio.files import CHUNK_BYTES, Refused, find, media_type
from http2.aio.site import BYTES_MAX, DRIP_BYTES_MAX, INDEX_PAGE, Site
from http2.explain import tap
from tests.support.aio import joined, run

SECRET = b"not for the public"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory to serve, with things in it and beside it that must not be served."""
    (tmp_path / "secret.txt").write_bytes(SECRET)
    (tmp_path / "public-not").mkdir()
    (tmp_path / "public-not" / "secret.txt").write_bytes(SECRET)
    root = tmp_path / "public"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "page.html").write_text("<p>page")
    (root / "a b%2f.txt").write_text("odd name")
    (root / "empty").write_bytes(b"")
    (root / "sub" / "index.html").write_text("<p>sub")
    (root / "link-out").symlink_to(tmp_path / "secret.txt")
    (root / "dir-out").symlink_to(tmp_path / "public-not")
    (root / "link-in").symlink_to("page.html")
    (root / "link-loop").symlink_to("link-loop")
    (root / "sub" / "up").symlink_to("../..")
    os.mkfifo(root / "pipe")
    return root


FILES = {
    "/page.html": ("<p>page", "text/html"),
    "/page.html?query=/../../x": ("<p>page", "text/html"),
    "//page.html": ("<p>page", "text/html"),
    "/./sub/.//index.html": ("<p>sub", "text/html"),
    "/%70age.html": ("<p>page", "text/html"),
    "/a%20b%252f.txt": ("odd name", "text/plain"),
    "/link-in": ("<p>page", "text/html"),
    "/sub": ("<p>sub", "text/html"),
    "/sub/": ("<p>sub", "text/html"),
    "/empty": ("", "application/octet-stream"),
}

REFUSED = {
    "/missing": 404,
    "/page.html/below": 404,
    "/%00": 404,
    "/page.html%00.txt": 404,
    "/sub/deep": 404,
    "/" + "x" * 300: 403,
    "/../secret.txt": 403,
    "/sub/../../secret.txt": 403,
    "/sub/../page.html": 403,
    "/%2e%2e/secret.txt": 403,
    "/%2E./secret.txt": 403,
    "/..%2fsecret.txt": 403,
    "/%252e%252e/secret.txt": 404,
    "/..\\secret.txt": 404,
    "/link-out": 403,
    "/dir-out/secret.txt": 403,
    "/sub/up": 403,
    "/dir-out": 403,
    "/sub/up/secret.txt": 403,
    "/sub/up/public-not/secret.txt": 403,
    "/link-loop": 403,
    "/pipe": 403,
}


def test_files_are_served_with_length_and_type(root: Path) -> None:
    async def main() -> None:
        async with joined(Site(root)) as (_, client):
            for path, (content, kind) in FILES.items():
                for method in ("GET", "HEAD"):
                    response = await client.request(method, path)
                    headers = (response.status, response.header("content-type"), response.header("content-length"))
                    assert headers == (200, kind, str(len(content))), path
                    assert await response.read() == (content.encode() if method == "GET" else b""), path

    run(main())


def test_nothing_else_is_served(root: Path) -> None:
    async def main() -> None:
        async with joined(Site(root)) as (_, client):
            for path, status in REFUSED.items():
                response = await client.request("GET", path)
                content = await response.read()
                assert (response.status, content) == (status, b""), path

    run(main())


def test_what_may_not_be_read_is_forbidden(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without permission, and one that goes away at the last moment (a test may run as root, who may all)."""

    async def main() -> None:
        async with joined(Site(root)) as (_, client):
            for error, status in ((PermissionError, 403), (FileNotFoundError, 404)):
                with monkeypatch.context() as patch:

                    def no(*_: object, error: type[OSError] = error) -> int:
                        raise error

                    patch.setattr("http2.aio.files.os.open", no)
                    response = await client.request("GET", "/page.html")
                assert response.status == status

    run(main())


def test_only_get_and_head(root: Path) -> None:
    async def main() -> None:
        async with joined(Site(root)) as (_, client):
            for path, allowed in (("/page.html", "GET, HEAD"), ("/bytes/5", "GET, HEAD"), ("/drip/5", "GET, HEAD")):
                response = await client.request("DELETE", path)
                assert (response.status, response.header("allow")) == (405, allowed)
            for path in ("/echo", "/hold"):
                response = await client.request("GET", path)
                assert (response.status, response.header("allow")) == (405, "POST, PUT")

    run(main())


def test_the_index(root: Path) -> None:
    async def main() -> None:
        for site in (Site(), Site(root)):
            async with joined(site) as (_, client):
                response = await client.request("GET", "/")
                assert (response.status, await response.read()) == (200, INDEX_PAGE)
                assert (await client.request("GET", "/other")).status == 404
        (root / "index.html").write_text("<p>mine")
        async with joined(Site(root)) as (_, client):
            assert await (await client.request("GET", "/")).read() == b"<p>mine"

    run(main())


def test_a_root_that_is_not_there_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Site(tmp_path / "missing")


def test_find_follows_a_root_that_is_itself_a_link(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link-to-public"
    link.symlink_to(root)
    assert find(link.resolve(), "/page.html") == root / "page.html"
    with pytest.raises(Refused):
        find(link.resolve(), "/../secret.txt")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.css", "text/css"),
        ("a.unknown-kind", "application/octet-stream"),
        ("a.tar.gz", "application/gzip"),
        ("a.txt.bz2", "application/octet-stream"),
    ],
)
def test_media_types(name: str, kind: str) -> None:
    assert media_type(name) == kind


def test_a_file_that_shrinks_while_it_is_sent_breaks_off(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its content-length was a promise; half a file must not look like a whole one."""
    size = 8 * CHUNK_BYTES
    (root / "big").write_bytes(bytes(size))

    async def main() -> None:
        async with joined(Site(root)) as (_, client):
            response = await client.request("GET", "/big")
            os.truncate(root / "big", size // 2)
            with pytest.raises(StreamResetError) as caught:
                await response.read()
            assert caught.value.error_code == ErrorCode.INTERNAL_ERROR

    run(main())
    message = f"<Request GET /big on stream 1>: the file has become {size // 2} octets shorter"
    assert [record.getMessage() for record in caplog.records] == [message]


# -- the resources -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 300, 65_536, 65_537, 200_000])
def test_bytes_are_the_same_each_time(length: int) -> None:
    async def main() -> None:
        async with joined(Site()) as (_, client):
            response = await client.request("GET", f"/bytes/{length}")
            content = await response.read()
            assert content == (bytes(range(256)) * (length // 256 + 1))[:length]
            response = await client.request("HEAD", f"/bytes/{length}")
            assert (response.header("content-length"), await response.read()) == (str(length), b"")

    run(main())


@pytest.mark.parametrize(
    "path",
    [f"/bytes/{BYTES_MAX + 1}", "/bytes/-1", "/bytes/1.5", "/bytes/", "/bytes", "/bytes/%31", "/bytes/1/2", "/echo/x"]
    + [f"/drip/{DRIP_BYTES_MAX + 1}", "/drip/x", "/bytes/" + "9" * 1000],
)
def test_what_is_no_resource_is_not_found(path: str) -> None:
    async def main() -> None:
        async with joined(Site()) as (_, client):
            assert (await client.request("GET", path)).status == 404

    run(main())


def test_drip_sends_each_octet_in_a_frame_of_its_own() -> None:
    lines: list[str] = []

    async def main() -> None:
        async with joined(Site()) as (server, other):
            async with await connect("127.0.0.1", server.port, tap=tap(True, lines.append)) as client:
                response = await client.request("GET", "/drip/5")
                assert await response.read() == b"....."
            response = await other.request("HEAD", "/drip/5")
            assert await response.read() == b""

    run(main())
    frames = [line for line in lines if line.startswith("server  DATA")]
    assert [frame.split("  ")[-1] for frame in frames] == ["1 octet"] * 5 + ["0 octets"]


def test_hold_gives_no_window_before_it_has_the_whole_content() -> None:
    async def main() -> None:
        async with joined(Site()) as (server, client):
            has_begun, may_end = asyncio.Event(), asyncio.Event()

            async def body() -> AsyncIterator[bytes]:
                yield bytes(10_000)
                has_begun.set()
                await may_end.wait()
                yield b"end"

            posting = asyncio.ensure_future(client.request("POST", "/hold", body=body()))
            await has_begun.wait()
            await client.ping()  # its answer comes behind everything that the server has done by then
            (protocol,) = server._connections
            assert protocol.connection.receive_window.held == 10_000
            assert not posting.done()
            may_end.set()
            assert await (await posting).read() == bytes(10_000) + b"end"
            assert protocol.connection.receive_window.held == 0

    run(main())


def test_hold_of_a_request_that_is_broken_off() -> None:
    async def main() -> None:
        async with joined(Site()) as (server, client):

            async def body() -> AsyncIterator[bytes]:
                yield b"begun"
                raise KeyError("no more")

            with pytest.raises(KeyError):
                await client.request("POST", "/hold", body=body())
            await client.ping()
            (protocol,) = server._connections
            assert (protocol.streams, protocol.connection.receive_window.held) == ({}, 0)
            assert (await client.request("GET", "/")).status == 200

    run(main())


def test_echo_answers_while_the_request_goes_on() -> None:
    async def main() -> None:
        async with joined(Site()) as (_, client):
            back = asyncio.Event()

            async def body() -> AsyncIterator[bytes]:
                yield b"first"
                await back.wait()
                yield b"second"

            response = await client.request("POST", "/echo", [("content-type", "text/plain")], body())
            assert response.header("content-type") == "text/plain"
            assert await anext(response) == b"first"
            back.set()
            assert await response.read() == b"second"

    run(main())
