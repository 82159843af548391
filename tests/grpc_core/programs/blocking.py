"""A key-value store and its client, as somebody wrote it for grpcio: all kinds of call, on threads.

Only the line that imports grpc is changed to run it on Plait. It prints what it sees, and nothing that depends on time.
"""

import collections
import json
import logging
import threading
from concurrent import futures

import grpc

HEALTH = "grpc.health.v1.Health"
STORE = "demo.Store"
logging.getLogger("grpc").propagate = False


def encode(message):
    return json.dumps(message, sort_keys=True).encode("utf-8")


def decode(octets):
    return json.loads(octets)


class Store:
    """Get, Put (a stream of pairs), List (a stream of keys), Chat (both)."""

    def __init__(self):
        self._lock = threading.Lock()
        self._values = {}
        self.waiting = threading.Event()
        self.gone = threading.Event()

    def get(self, request, context):
        key = request["key"]
        if key == "slow":
            context.add_callback(self.gone.set)
            self.waiting.set()
            self.gone.wait(30)
            return {}
        if key == "crash":
            raise RuntimeError("out of order")
        with self._lock:
            if key not in self._values:
                context.set_trailing_metadata((("missing-key", key), ("trace-bin", b"\x00\x01")))
                context.abort(grpc.StatusCode.NOT_FOUND, f"there is no {key!r} ☹")
            context.send_initial_metadata((("cache", "hit"),))
            return {"value": self._values[key]}

    def put(self, request_iterator, context):
        count = 0
        for request in request_iterator:
            if not request["key"]:
                context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
                context.set_details(f"an empty key after {count}")
                return {}
            with self._lock:
                self._values[request["key"]] = request["value"]
            count += 1
        return {"count": count}

    def list(self, request, context):
        with self._lock:
            keys = sorted(self._values)
        for key in keys:
            if key.startswith(request["prefix"]):
                yield {"key": key}

    def chat(self, request_iterator, context):
        user = dict(context.invocation_metadata()).get("user", "nobody")
        for request in request_iterator:
            if request["text"] == "bye":
                context.set_trailing_metadata((("goodbye", user),))
                return
            yield {"text": f"{user}: {request['text']}"}

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
    """The health service by hand: SERVING is 1, in field 1."""

    def service(self, handler_call_details):
        if handler_call_details.method == f"/{HEALTH}/Check":
            return grpc.unary_unary_rpc_method_handler(lambda request, context: b"\x08\x01")
        return None


class Auth(grpc.ServerInterceptor):
    """Refuses who does not say who they are."""

    def intercept_service(self, continuation, handler_call_details):
        metadata = dict(handler_call_details.invocation_metadata)
        if handler_call_details.method.startswith(f"/{STORE}/") and metadata.get("user") == "mallory":

            def refuse(request, context):
                context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you")

            return grpc.unary_unary_rpc_method_handler(refuse)
        return continuation(handler_call_details)


class Details(
    collections.namedtuple("Details", "method timeout metadata credentials wait_for_ready compression"),
    grpc.ClientCallDetails,
):
    pass


class AddUser(grpc.UnaryUnaryClientInterceptor, grpc.StreamStreamClientInterceptor):
    """Says who calls, and notes which calls were made."""

    def __init__(self, user):
        self._user = user
        self.calls = []

    def _with_user(self, details):
        self.calls.append(details.method)
        metadata = [*(details.metadata or ()), ("user", self._user)]
        return Details(details.method, details.timeout, metadata, details.credentials, details.wait_for_ready, None)

    def intercept_unary_unary(self, continuation, client_call_details, request):
        return continuation(self._with_user(client_call_details), request)

    def intercept_stream_stream(self, continuation, client_call_details, request_iterator):
        return continuation(self._with_user(client_call_details), request_iterator)


def show_error(what, error):
    trailing = [(key, value) for key, value in error.trailing_metadata() or ()]
    print(what, error.code(), error.details(), trailing, isinstance(error, grpc.Call))


def pairs(**values):
    for key, value in values.items():
        yield {"key": key, "value": value}


def use(channel, store):
    get = channel.unary_unary(f"/{STORE}/Get", request_serializer=encode, response_deserializer=decode)
    put = channel.stream_unary(f"/{STORE}/Put", request_serializer=encode, response_deserializer=decode)
    list_keys = channel.unary_stream(f"/{STORE}/List", request_serializer=encode, response_deserializer=decode)
    chat = channel.stream_stream(f"/{STORE}/Chat", request_serializer=encode, response_deserializer=decode)

    print("put", put(pairs(apple=1, apricot=2, banana=3), timeout=30))
    response, call = get.with_call({"key": "apple"}, timeout=30, metadata=(("x", "y"),))
    print("get", response, call.code(), [tuple(pair) for pair in call.initial_metadata() if pair.key == "cache"])
    print("list", [found["key"] for found in list_keys({"prefix": "ap"}, timeout=30)])

    for key in ("cherry", "crash"):
        try:
            get({"key": key}, timeout=30)
        except grpc.RpcError as error:
            show_error("get", error)
            print(str(error).splitlines()[:2])
    try:
        put(iter([{"key": "a", "value": 1}, {"key": "", "value": 2}]), timeout=30)
    except grpc.RpcError as error:
        show_error("put", error)

    talk = chat(iter([{"text": "hello"}, {"text": "how are you"}, {"text": "bye"}]), timeout=30)
    print("chat", [answer["text"] for answer in talk], talk.code(), [tuple(pair) for pair in talk.trailing_metadata()])

    done = threading.Event()
    many = [get.future({"key": key}, timeout=30) for key in ("apple", "apricot", "cherry")]
    many[-1].add_done_callback(lambda future: done.set())
    print("futures", [future.result()["value"] for future in many[:2]], done.wait(30), many[-1].exception().code())

    slow = get.future({"key": "slow"})
    store.waiting.wait(30)
    try:
        slow.result(timeout=0.05)
    except grpc.FutureTimeoutError:
        print("still waiting", slow.done(), slow.running())
    print("cancelled", slow.cancel(), slow.cancelled(), store.gone.wait(30))
    try:
        slow.result()
    except grpc.FutureCancelledError:
        print("the future says so too", slow.code())
    store.gone.clear()
    try:
        get({"key": "slow"}, timeout=0.2)
    except grpc.RpcError as error:
        print("deadline", error.code(), error.details())
    compressed = get({"key": "apple"}, compression=grpc.Compression.Gzip, timeout=30)
    print("compressed", compressed, channel.unary_unary(f"/{HEALTH}/Check")(b"", timeout=30))


def main():
    store = Store()
    pool = futures.ThreadPoolExecutor(max_workers=8)
    server = grpc.server(pool, interceptors=(Auth(),), options=[("grpc.max_receive_message_length", 1000)])
    server.add_generic_rpc_handlers((store.handler(), Health()))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        grpc.channel_ready_future(channel).result(timeout=30)
        who = AddUser("alice")
        use(grpc.intercept_channel(channel, who), store)
        print("calls", sorted(set(who.calls)), len(who.calls))
        bad = grpc.intercept_channel(channel, AddUser("mallory")).unary_unary(f"/{STORE}/Get", encode, decode)
        for request in ({"key": "apple"}, {"key": "x" * 2000}):
            try:
                bad(request, timeout=30)
            except grpc.RpcError as error:
                print("refused", error.code())
    stopped = server.stop(grace=1)
    print("stopped", stopped.wait(30), server.wait_for_termination(timeout=30))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            channel.unary_unary(f"/{STORE}/Get", encode, decode)({"key": "apple"}, timeout=30)
        except grpc.RpcError as error:
            print("nobody", error.code(), error.details()[:36])
    try:
        channel.unary_unary("/a/b")(b"")
    except ValueError as error:
        print(error)
    pool.shutdown()


main()
