"""curl, nghttp and h2load against our server: content intact in both directions, over plaintext and TLS."""

from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path

import pytest

from http2 import Config
from http2.aio import serve, server_ssl_context
from http2.aio.site import Site
from tests.support.aio import run, tool
from tests.support.tls import TlsFiles

SIZE = 10 * 2**20

WINDOWS_OF_64_KIB = Config(stream_window_bytes=65_535, connection_window_bytes=65_535)

# What fetches {url}, and what posts {file} to it: the content on standard output.
FETCH = {
    "curl": "curl -sS --http2-prior-knowledge --cacert {cert} {url}",
    "nghttp": "nghttp {url}",
}
POST = {
    "curl": "curl -sS --http2-prior-knowledge --cacert {cert} --data-binary @{file} {url}",
    "nghttp": "nghttp -d {file} {url}",
}


@pytest.fixture(scope="module")
def big_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10 MiB in a directory of its own."""
    path = tmp_path_factory.mktemp("root") / "big"
    path.write_bytes(b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(SIZE // 32)))
    return path


async def output_of(command: str) -> bytes:
    """Run a command to its end; it must succeed and complain about nothing but the certificate."""
    program, *arguments = command.split()
    process = await asyncio.create_subprocess_exec(
        tool(program), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    complaints = [line for line in err.decode().splitlines() if "[WARNING] Certificate verification failed" not in line]
    assert (process.returncode, complaints) == (0, []), command
    return out


@pytest.mark.parametrize("over_tls", [False, True], ids=["plaintext", "tls"])
@pytest.mark.parametrize("name", FETCH)
def test_ten_mebibytes_arrive_intact(name: str, over_tls: bool, big_file: Path, tls_files: TlsFiles) -> None:
    tool(name)
    ssl = server_ssl_context(tls_files.cert, tls_files.key) if over_tls else None
    digest = hashlib.sha256(big_file.read_bytes()).hexdigest()

    async def main() -> None:
        async with await serve(Site(big_file.parent), ssl=ssl, config=WINDOWS_OF_64_KIB) as server:
            origin = f"{'https' if over_tls else 'http'}://127.0.0.1:{server.port}"
            values = {"cert": tls_files.cert, "file": big_file}
            fetched = await output_of(FETCH[name].format(url=f"{origin}/big", **values))
            assert hashlib.sha256(fetched).hexdigest() == digest, "the file"
            echoed = await output_of(POST[name].format(url=f"{origin}/echo", **values))
            assert hashlib.sha256(echoed).hexdigest() == digest, "the echo"

    run(main())


def test_h2load_sees_no_failure() -> None:
    tool("h2load")

    async def main() -> None:
        async with await serve(Site()) as server:
            report = await output_of(f"h2load -n 1000 -c 4 -m 20 http://127.0.0.1:{server.port}/bytes/100")
            counts = re.search(rb"requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", report)
            assert counts is not None, report
            assert counts.groups() == (b"1000", b"0", b"0", b"0")
            assert b"status codes: 1000 2xx" in report

    run(main())
