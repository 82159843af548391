"""The programs that Plait is held against, and its own as their equals.

| peer           | what it is                                             | its folder or file            |
|----------------|--------------------------------------------------------|-------------------------------|
| grpc_go        | grpc-go, the official gRPC for Go, built here          | `grpc_go`, `grpc_go_official` |
| grpc_java      | grpc-java's official interop programs                  | `grpc_java`                   |
| grpc_js        | grpc-js, the official gRPC for Node.js, built here     | `grpc_js`                     |
| grpcio         | grpcio, the official gRPC for Python, both its APIs    | `grpcio`                      |
| plait          | this distribution, both its faces                      | `plait`                       |
| curl, nghttp   | HTTP/2 clients on nghttp2, from the system             | `http_tools`                  |

A gRPC peer is a server and a client with one contract (`command_line`) and a function `commands()` that says how they
are started (`peer`). How a program is started, watched and ended is in `process`; how one is built, in `builds`.
"""
