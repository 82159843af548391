"""`python -m grpc_core`: the main job, visible.

demo                       a server and a client in one process, and every frame between them
serve [--host] [--port]    Greeter and RouteGuide, health, reflection and channelz, for any gRPC client
call HOST:PORT ...         asks a server what it has, and calls it, with JSON
channelz HOST:PORT         the channels, servers and connections of a process that tells them
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from grpc_core import aio

USAGE = 2


def main(argv: list[str] | None = None) -> int:
    """Run one of the commands; returns the exit code."""
    arguments = _parse(sys.argv[1:] if argv is None else argv)
    if arguments.command == "demo":
        from grpc_core import demo

        asyncio.run(demo.run(print))
        return 0
    if arguments.command == "serve":
        return _serve(arguments)
    try:
        return asyncio.run(_call(arguments) if arguments.command == "call" else _channelz(arguments))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who reads our output has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and where help is."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message} (try --help)\n")


def _parse(argv: list[str]) -> argparse.Namespace:
    parser, call = _parsers()
    if argv[:1] != ["call"]:
        return parser.parse_args(argv)
    # `call TARGET --tls list`: options between arguments, which a parser with commands cannot have.
    return call.parse_intermixed_args(argv[1:], argparse.Namespace(command="call"))


def _parsers() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """The parser of all commands, and that of `call`."""
    parser = _Parser(prog="grpc_core", description="gRPC in pure Python.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="demo|serve|call|channelz")
    commands.add_parser("demo", help="a server and a client in one process, and every frame between them")
    serve = commands.add_parser("serve", help="serve Greeter, RouteGuide, health, reflection and channelz until Ctrl-C")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=int, default=0, help="the port to listen on (default: any free one)")
    serve.add_argument("--verbose", action="store_true", help="print every frame")
    serve.add_argument("--tls-cert", metavar="FILE", help="serve over TLS with this certificate chain (PEM)")
    serve.add_argument("--tls-key", metavar="FILE", help="its private key, unless the same file holds it")
    serve.add_argument("--tls-client-ca", metavar="FILE", help="only for clients with a certificate of these (PEM)")
    call = commands.add_parser("call", help="call a server, with JSON")
    call.add_argument("target", metavar="HOST:PORT", help="or unix:PATH, or any other target of gRPC")
    call.add_argument("what", nargs="?", default="list", metavar="list | describe | SERVICE/METHOD")
    call.add_argument("symbol", nargs="?", metavar="SYMBOL", help="what to describe; without it, all services")
    call.add_argument(
        "-d",
        dest="data",
        metavar="JSON | @FILE | -",
        help="the message, or, for a stream, any number of them; those on standard input (-) are sent as they come",
    )
    call.add_argument("-H", dest="headers", action="append", default=[], metavar="KEY: VALUE", help="metadata")
    call.add_argument("--timeout", metavar="S", help="seconds for all of it")
    call.add_argument(
        "-v", "--show-metadata", action="store_true", help="tell metadata and status too, on standard error"
    )
    call.add_argument(
        "--proto-descriptor",
        metavar="FILE",
        help="a FileDescriptorSet (protoc -o), in place of the server's reflection",
    )
    call.add_argument("--authority", metavar="NAME", help="the :authority of the calls")
    _add_tls(call)
    channelz = commands.add_parser("channelz", help="tables of the channels, servers and connections of a process")
    channelz.add_argument("target", metavar="HOST:PORT", help="of a server with grpc.channelz.v1.Channelz")
    channelz.add_argument("--timeout", metavar="S", help="seconds for each question (default: 10)", default="10")
    channelz.add_argument("--authority", metavar="NAME", help="the :authority of the calls")
    _add_tls(channelz)
    return parser, call


def _add_tls(parser: argparse.ArgumentParser) -> None:
    """The options of a client's TLS."""
    tls = parser.add_argument_group("TLS (any of these options means TLS)")
    tls.add_argument("--tls", action="store_true", help="TLS, trusting the authorities of the system")
    tls.add_argument("--tls-ca", metavar="FILE", help="trust these authorities in their place (PEM)")
    tls.add_argument("--tls-cert", metavar="FILE", help="our certificate chain, for servers that ask (PEM)")
    tls.add_argument("--tls-key", metavar="FILE", help="its private key, unless the same file holds it")
    tls.add_argument("--tls-name", metavar="NAME", help="the name that the server's certificate has to have")
    tls.add_argument(
        "--insecure-skip-verify",
        action="store_true",
        help="accept any certificate: the connection is then secret, but with whom is unknown",
    )


def _serve(arguments: argparse.Namespace) -> int:
    from grpc_core import serve
    from grpc_core.tls_files import FileProblem

    try:
        credentials = serve.server_credentials(arguments.tls_cert, arguments.tls_key, arguments.tls_client_ca)
    except FileProblem as error:
        print(f"grpc_core serve: {error}", file=sys.stderr)
        return USAGE
    return asyncio.run(serve.run(arguments.host, arguments.port, arguments.verbose, credentials))


async def _call(arguments: argparse.Namespace) -> int:
    from grpc_core import caller, standard_input
    from grpc_core import caller_arguments as told

    try:
        _check(arguments)
        channel = _channel(arguments)
        is_from_stdin = arguments.data in ("-", "@-")
        request = caller.Request(
            arguments.what,
            arguments.symbol,
            told.read_documents(arguments.data) if arguments.data is not None and not is_from_stdin else (),
            standard_input.chunks() if is_from_stdin else None,
            told.parse_metadata(arguments.headers),
            told.parse_timeout(arguments.timeout),
            is_ascii="utf" not in (sys.stdout.encoding or "").lower(),
            types=told.read_descriptor_set(arguments.proto_descriptor),
            tell=(lambda line: print(line, file=sys.stderr)) if arguments.show_metadata else None,
        )
        async with channel:
            await caller.run(channel, request, lambda line: print(line, flush=True))
    except told.Failure as failure:
        print(f"grpc_core call: {failure}", file=sys.stderr)
        return failure.exit_code
    return 0


async def _channelz(arguments: argparse.Namespace) -> int:
    from grpc_core import caller_arguments as told
    from grpc_core import channelz_table
    from grpc_core.errors import AioRpcError
    from grpc_core.status import StatusCode

    try:
        channel = _channel(arguments)
        timeout_s = told.parse_timeout(arguments.timeout)
        async with channel:
            try:
                lines = await channelz_table.report(channel, timeout_s)
            except AioRpcError as error:
                code = told.CONNECTION if error.code() is StatusCode.UNAVAILABLE else told.STATUS
                raise told.Failure(code, f"{error.code().name}: {error.details()}")
        print("\n".join(lines).rstrip(), flush=True)
    except told.Failure as failure:
        print(f"grpc_core channelz: {failure}", file=sys.stderr)
        return failure.exit_code
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Raises Failure for what makes no sense together."""
    from grpc_core.caller_arguments import Failure

    if arguments.what != "describe" and arguments.symbol is not None:
        raise Failure(USAGE, f"{arguments.symbol!r} is one argument too many")
    if arguments.what not in ("list", "describe") and "/" not in arguments.what.lstrip("/"):
        raise Failure(USAGE, f"{arguments.what!r} is not list, describe or SERVICE/METHOD")
    if arguments.what in ("list", "describe") and arguments.data is not None:
        raise Failure(USAGE, f"-d is for calls; {arguments.what} sends nothing")


def _channel(arguments: argparse.Namespace) -> aio.Channel:
    """The channel to the target. Raises Failure."""
    from grpc_core import aio
    from grpc_core.caller_arguments import Failure, Tls

    tls = Tls(
        arguments.tls,
        arguments.tls_ca,
        arguments.tls_cert,
        arguments.tls_key,
        arguments.tls_name,
        arguments.insecure_skip_verify,
    )
    credentials = tls.credentials()
    options = []
    if arguments.tls_name is not None:
        options.append(("grpc.ssl_target_name_override", arguments.tls_name))
    if arguments.authority is not None:
        options.append(("grpc.default_authority", arguments.authority))
    try:
        if credentials is None:
            return aio.insecure_channel(arguments.target, options)
        return aio.secure_channel(arguments.target, credentials, options)
    except ValueError as error:
        raise Failure(USAGE, str(error))


if __name__ == "__main__":
    sys.exit(main())
