"""What servers and clients of gRPC do otherwise."""

from __future__ import annotations

from typing import Final

from interop.conformance.peers.findings.finding import ANY, Finding, of

GRPC: Final[tuple[Finding, ...]] = (
    of(
        "grpc-server/grpc_java", ANY,
        "A request that is refused at its head leaves no stream: the DATA that was on its way is a PROTOCOL_ERROR"
        " of the connection, and ends all other calls.",
        about="Stream 1 does",
    ),
    of(
        "grpc-server/grpc_java", "GRP-07.spoilt",
        "A message that cannot be decompressed is UNKNOWN; INTERNAL is due.",
    ),
    of(
        "grpc-server/grpc_java", "GRP-02.HEAD",
        "HEAD is answered with 405 and with content.",
    ),
    of(
        "grpc-server/grpc_java", "GRP-09.48-kibi",
        "Metadata that is too large for its limit of 8 KiB ends the connection.",
    ),
    of(
        "grpc-server/grpc_java", "GRP-10.text-space-ends GRP-02.path-root",
        "A grpc-message with a space at an end is sent as it is: gRPC's encoding allows it, and HTTP/2 does not"
        " (§8.2.1).",
        about="space",
    ),
    of(
        "grpc-server/grpc_java", "GRP-04",
        "A grpc-timeout in another form is taken, or ignored, and not refused.",
        about="tolerated",
    ),
    of(
        "grpc-server/grpcio grpc-server/grpc_js", "GRP-01",
        "Requests of any content-type are answered as calls.",
        about="tolerated",
    ),
    of(
        "grpc-server/grpcio", "GRP-02.connection",
        "A field about the connection is tolerated.",
        about="tolerated",
    ),
    of(
        "grpc-server/grpc_js", "GRP-02",
        "The method is not looked at: a call may be a GET or a PUT.",
        about="tolerated",
    ),
    of(
        "grpc-server/grpc_js", "GRP-02.HEAD",
        "HEAD is answered without grpc-status: Node sends no trailers for it.",
    ),
    of(
        "grpc-server/grpc_js", "GRP-02.path-utf-8",
        "A path that is not ASCII comes back in grpc-message without being percent-encoded.",
    ),
    of(
        "grpc-server/grpc_go", "GRP-02.te-other",
        "The field te is not looked at.",
        about="tolerated",
    ),
    of(
        "grpc-server/grpcio grpc-server/grpc_js", "GRP-04",
        "A grpc-timeout in another form is taken, or ignored, and not refused.",
        about="tolerated",
    ),
    of(
        "grpc-server/grpcio grpc-server/grpc_js", "GRP-05.flag",
        "Any compressed flag is taken for 1 or for 0.",
        about="tolerated",
    ),
    of(
        "grpc-server/grpcio grpc-client/grpcio", "GRP-06.padded GRP-14.data-frame-padding",
        "Padded DATA is a stream error to gRPC's C core (its issue 9779).",
    ),
    of(
        "grpc-server/grpcio", "GRP-06.ends-at",
        "A request that ends inside its message is never answered.",
        about="hung",
    ),
    of(
        "grpc-server/grpcio grpc-server/grpc_js", "GRP-06.ends-in",
        "The end of the stream inside a message of a stream of requests is taken for its good end.",
        about="tolerated",
    ),
    of(
        "grpc-server/grpcio", "GRP-07.coding",
        "A coding of messages that it does not know is INTERNAL; UNIMPLEMENTED is due.",
    ),
    of(
        "grpc-server/grpcio", "GRP-07.spoilt-empty",
        "An empty message with the compressed flag is not decompressed.",
        about="tolerated",
    ),
    of(
        "grpc-server/grpcio", "GRP-07.answer",
        "An answer is compressed although the client has not listed the coding in grpc-accept-encoding.",
    ),
    of(
        "grpc-server/grpc_js", "GRP-07.flag-identity",
        "A compressed flag without a coding is not refused.",
        about="tolerated",
    ),
    of(
        "grpc-server/grpcio", "GRP-08.none",
        "A request without a message, to a method that takes one, is never answered.",
        about="hung",
    ),
    of(
        "grpc-server/grpcio", "GRP-08.two GRP-08.three",
        "Of more requests to a method that takes one, the first is served.",
        about="tolerated",
    ),
    of(
        "grpc-server/grpcio grpc-server/grpc_go", "GRP-09.bin-joined",
        "Two binary values that are joined by a comma, as HTTP allows, are refused.",
    ),
    of(
        "grpc-server/grpc_go", "GRP-09.trailers",
        "Trailers of a request are an error of the connection.",
    ),
    of(
        "grpc-server/grpcio grpc-server/grpc_go", "GRP-10.text-space-ends GRP-02.path-empty-service",
        "A grpc-message with a space at an end is sent as it is: gRPC's encoding allows it, and HTTP/2 does not"
        " (§8.2.1).",
        about="space",
    ),
    of(
        "grpc-client/grpcio grpc-client/grpc_go", "GRP-11.informational",
        "A 1xx response in front of the answer makes the call UNKNOWN.",
        about="UNKNOWN",
    ),
    of(
        "grpc-client/grpcio", "GRP-13.cut",
        "An answer that ends inside its message is OK, without a reply.",
        about="told its user OK",
    ),
    of(
        "grpc-client/grpcio", "GRP-13.flag",
        "Any compressed flag is taken for 1 or for 0.",
        about="told its user OK",
    ),
    of(
        "grpc-client/grpcio", "GRP-13.no-message",
        "OK without a message is OK, without a reply.",
        about="told its user OK",
    ),
    of(
        "grpc-client/grpcio grpc-client/grpc_go", "GRP-13.not-a-number-sign",
        "A grpc-status with a sign is taken for a number.",
        about="tolerated",
    ),
    of(
        "grpc-client/grpc_go", "GRP-13.not-a-number-minus",
        "A grpc-status of -1 is handed to the user, as 4294967295.",
    ),
    of(
        "grpc-client/grpcio", "GRP-13.two-messages GRP-13.cut-behind",
        "What comes behind the message of a unary call makes it wait for its deadline, or is not noticed.",
    ),
    of(
        "grpc-client/grpcio", "GRP-13.not-protobuf",
        "A message that cannot be parsed is OK, without a reply.",
        about="told its user OK",
    ),
    of(
        "grpc-client/grpc_go", "GRP-11",
        "With gRPC's content-type the HTTP status is not looked at.",
        about="tolerated",
    ),
    of(
        "grpc-client/grpcio grpc-client/grpc_go", ANY,
        "grpc-timeout does not directly follow the pseudo-header fields, which gRPC's document wishes for: every"
        " call has it, and it hurts nobody.",
        about="grpc-timeout should directly follow",
    ),
)  # fmt: skip
