"""Call credentials at work: asking the plugins for the metadata of one call (grpcio's `AuthMetadataPlugin`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from grpc_core.credentials import AuthMetadataContext, CallCredentials, MetadataPairs, Plugin
from grpc_core.errors import RpcError
from grpc_core.metadata import Fields, encode_metadata
from grpc_core.status import StatusCode, from_control_plane, normalize_code

if TYPE_CHECKING:
    from grpc_core.aio.channel import Method


PLUGIN_FAILED = "Getting metadata from plugin failed with error: "


class CredentialsFailed(Exception):
    """A plugin gave no metadata: the status that the call ends with."""

    def __init__(self, code: StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code


async def credential_fields(credentials: CallCredentials, method: Method[Any, Any]) -> Fields:
    """The fields of all plugins, in their order. Raises CredentialsFailed."""
    service, _, name = method.path.rpartition("/")
    host = method.channel.authority.removesuffix(":443")
    context = AuthMetadataContext(f"https://{host}{service}", name)
    fields: Fields = ()
    for plugin in credentials.plugins:
        try:
            fields += encode_metadata(await _ask(plugin, context))
        except Exception as error:
            raise _failure(error)
    return fields


def _failure(error: Exception) -> CredentialsFailed:
    """The status for whatever went wrong in a plugin: its own, where it is an error of a call, else UNAVAILABLE.

    A plugin that made a call to get a token reports, for instance, UNAUTHENTICATED by handing on what it raised.
    """
    text = f'{PLUGIN_FAILED}"{error}"'
    code_of: Callable[[], object] | None = getattr(error, "code", None)
    if not isinstance(error, RpcError) or not callable(code_of):
        return CredentialsFailed(StatusCode.UNAVAILABLE, text)
    details_of: Callable[[], object] | None = getattr(error, "details", None)
    if callable(details_of) and (details := details_of()):
        text = f'{PLUGIN_FAILED}"{details}"'
    try:
        code = normalize_code(code_of())
    except (TypeError, ValueError):
        return CredentialsFailed(StatusCode.UNAVAILABLE, text)
    return CredentialsFailed(*from_control_plane(code, text, "call credentials"))


async def _ask(plugin: Plugin, context: AuthMetadataContext) -> MetadataPairs:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[MetadataPairs, Exception | None]] = loop.create_future()

    def settle(metadata: MetadataPairs, error: Exception | None) -> None:
        if not answer.done():
            answer.set_result((metadata, error))

    def callback(metadata: MetadataPairs, error: Exception | None) -> None:
        loop.call_soon_threadsafe(settle, metadata, error)

    def ask() -> None:
        try:
            plugin(context, callback)
        except Exception as error:  # it goes the same way, because no future takes a StopIteration
            callback((), error)

    # A plugin may fetch a token from far away: it must not hold the event loop meanwhile.
    await loop.run_in_executor(None, ask)
    metadata, error = await answer
    if error is not None:
        raise error
    return metadata
