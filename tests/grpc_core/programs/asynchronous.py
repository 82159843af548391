"""A key-value store and its client, as somebody wrote it for grpcio's asyncio API: all kinds of call.

Only the line that imports grpc is changed to run it on Plait. It prints what it sees, and nothing that depends on time.
"""

import asyncio
import contextvars
import json
import logging

import grpc

HEALTH = "grpc.health.v1.Health"
STORE = "demo.Store"
logging.getLogger("grpc").propagate = False
request_id = contextvars.ContextVar("request_id", default="none")


def encode(message):
    return json.dumps(message, sort_keys=True).encode("utf-8")


def decode(octets):
    return json.loads(octets)


class Store:
    """Get, Put (a stream of pairs), List (a stream of keys), Chat (both)."""

    def __init__(self):
        self._values = {}
        self.waiting = asyncio.Event()
        self.gone = asyncio.Event()

    async def get(self, request, context):
        key = request["key"]
        if key == "slow":
            context.add_done_callback(lambda context: self.gone.set())
            self.waiting.set()
            await asyncio.Event().wait()
        if key == "crash":
            raise RuntimeError("out of order")
        if key not in self._values:
            trailing = (("missing-key", key), ("trace-bin", b"\x00\x01"))
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no {key!r} ☹", trailing)
        await context.send_initial_metadata((("cache", "hit"), ("id", request_id.get())))
        return {"value": self._values[key]}

    async def put(self, request_iterator, context):
        count = 0
        async for request in request_iterator:
            if not request["key"]:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"an empty key after {count}")
            self._values[request["key"]] = request["value"]
            count += 1
        return {"count": count}

    async def list(self, request, context):
        for key in sorted(self._values):
            if key.startswith(request["prefix"]):
                yield {"key": key}

    async def chat(self, request_iterator, context):
        user = dict(context.invocation_metadata()).get("user", "nobody")
        while (request := await context.read()) is not grpc.aio.EOF:
            if request["text"] == "bye":
                context.set_trailing_metadata((("goodbye", user),))
                return
            await context.write({"text": f"{user}: {request['text']}"})

    def handler(self):
        codecs = {"request_deserializer": decode, "response_serializer": encode}
        return grpc.method_handlers_generic_handler(
            STORE,
            {
                "Get": grpc.unary_unary_rpc_method_handler(self.get, **codecs),
                "Put": grpc.stream_unary_rpc_method_handler(self.put, **codecs),
                "List": grpc.unary_stream_rpc_method_handler(self.list, **codecs),
                "Chat": grpc.stream_stream_rpc_method_handler(self.chat, **codecs),
            },
        )


class Health(grpc.GenericRpcHandler):
    """The health service by hand, as a plain function: SERVING is 1, in field 1."""

    def service(self, handler_call_details):
        if handler_call_details.method == f"/{HEALTH}/Check":
            return grpc.unary_unary_rpc_method_handler(lambda request, context: b"\x08\x01")
        return None


class Auth(grpc.aio.ServerInterceptor):
    """Refuses who must not call, and lets the handlers know the request's name."""

    async def intercept_service(self, continuation, handler_call_details):
        metadata = dict(handler_call_details.invocation_metadata)
        request_id.set(metadata.get("request-id", "unnamed"))
        if handler_call_details.method.startswith(f"/{STORE}/") and metadata.get("user") == "mallory":

            async def refuse(request, context):
                await context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you")

            return grpc.unary_unary_rpc_method_handler(refuse)
        return await continuation(handler_call_details)


class AddUser(grpc.aio.UnaryUnaryClientInterceptor):
    """Says who calls, and notes which calls were made."""

    def __init__(self, user):
        self._user = user
        self.calls = []

    async def intercept_unary_unary(self, continuation, client_call_details, request):
        self.calls.append(client_call_details.method)
        metadata = grpc.aio.Metadata(*(client_call_details.metadata or ()))
        metadata.add("user", self._user)
        metadata.add("request-id", f"{self._user}-{len(self.calls)}")
        return await continuation(client_call_details._replace(metadata=metadata), request)


def show_error(what, error):
    print(what, error.code(), error.details(), sorted(error.trailing_metadata()), isinstance(error, grpc.RpcError))


async def use(channel, store):
    get = channel.unary_unary(f"/{STORE}/Get", request_serializer=encode, response_deserializer=decode)
    put = channel.stream_unary(f"/{STORE}/Put", request_serializer=encode, response_deserializer=decode)
    list_keys = channel.unary_stream(f"/{STORE}/List", request_serializer=encode, response_deserializer=decode)
    chat = channel.stream_stream(f"/{STORE}/Chat", request_serializer=encode, response_deserializer=decode)

    async def pairs(**values):
        for key, value in values.items():
            yield {"key": key, "value": value}

    print("put", await put(pairs(apple=1, apricot=2), timeout=30))
    call = put(timeout=30)
    await call.write({"key": "banana", "value": 3})
    await call.done_writing()
    print("put", await call, await call.code())

    call = get({"key": "apple"}, timeout=30)
    initial = dict(await call.initial_metadata())
    print("get", await call, await call, await call.code(), initial.get("cache"), initial.get("id"), call.done())
    print("list", [found["key"] async for found in list_keys({"prefix": "ap"}, timeout=30)])
    call = list_keys({"prefix": ""}, timeout=30)
    print("read", [await call.read(), await call.read(), await call.read(), await call.read() is grpc.aio.EOF])

    for key in ("cherry", "crash"):
        try:
            await get({"key": key}, timeout=30)
        except grpc.aio.AioRpcError as error:
            show_error("get", error)
            print(str(error).splitlines()[:2])
    try:
        await put([{"key": "a", "value": 1}, {"key": "", "value": 2}], timeout=30)
    except grpc.RpcError as error:
        show_error("put", error)

    talk = chat(metadata=(("user", "bob"),), timeout=30)
    for line in ("hello", "how are you"):
        await talk.write({"text": line})
        print("chat", await talk.read())
    await talk.write({"text": "bye"})
    print("chat", await talk.read() is grpc.aio.EOF, await talk.code(), sorted(await talk.trailing_metadata()))
    try:
        await talk.write({"text": "anybody?"})
    except asyncio.InvalidStateError as error:
        print("too late:", error)

    many = await asyncio.gather(*(get({"key": key}, timeout=30) for key in ("apple", "apricot")))
    print("many", [found["value"] for found in many])

    slow = get({"key": "slow"})
    done = asyncio.Event()
    slow.add_done_callback(lambda call: done.set())
    await store.waiting.wait()
    print("cancelled", slow.cancel(), slow.cancel(), slow.cancelled())
    await asyncio.wait_for(done.wait(), 30)
    await asyncio.wait_for(store.gone.wait(), 30)
    try:
        await slow
    except asyncio.CancelledError:
        print("the task hears of it", await slow.code(), await slow.details())
    try:
        await get({"key": "slow"}, timeout=0.2)
    except grpc.aio.AioRpcError as error:
        print("deadline", error.code(), error.details())
    compressed = await get({"key": "apple"}, compression=grpc.Compression.Gzip, timeout=30)
    print("compressed", compressed, await channel.unary_unary(f"/{HEALTH}/Check")(b"", timeout=30))
    try:
        mixed = chat(pairs(apple=1), timeout=30)
        await mixed.write({"text": "no"})
    except grpc.aio.UsageError as error:
        print("usage:", error)
        mixed.cancel()


async def main():
    store = Store()
    server = grpc.aio.server(interceptors=(Auth(),), options=[("grpc.max_receive_message_length", 1000)])
    server.add_generic_rpc_handlers((store.handler(), Health()))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    who = AddUser("alice")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", interceptors=[who]) as channel:
        await asyncio.wait_for(channel.channel_ready(), 30)
        print("state", channel.get_state())
        await use(channel, store)
        print("calls", sorted(set(who.calls)), len(who.calls))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", interceptors=[AddUser("mallory")]) as channel:
        try:
            await channel.unary_unary(f"/{STORE}/Get", encode, decode)({"key": "apple"}, timeout=30)
        except grpc.aio.AioRpcError as error:
            print("refused", error.code(), error.details())
        big = channel.unary_unary(f"/{STORE}/Get", encode, decode)({"key": "x" * 2000}, timeout=30)
        print("too big", await big.code())
    await server.stop(1)
    print("stopped", await server.wait_for_termination(timeout=30))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            await channel.unary_unary(f"/{STORE}/Get", encode, decode)({"key": "apple"}, timeout=30)
        except grpc.aio.AioRpcError as error:
            print("nobody", error.code(), error.details()[:36])
    try:
        channel.unary_unary("/a/b")(b"")
    except grpc.aio.UsageError as error:
        print(error)


asyncio.run(main())
