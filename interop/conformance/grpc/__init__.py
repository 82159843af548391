"""The gRPC level of the conformance kit: calls, for servers and for clients of gRPC, whatever their language.

    python -m interop conformance server HOST:PORT --grpc         the cases against a server of TestService
    python -m interop conformance client --grpc -- CMD {target}   the same for a client that prints a status
    python -m interop conformance memory --grpc                   the same for Plait's own, without sockets

| question                                                    | file                             |
|-------------------------------------------------------------|----------------------------------|
| a stream as gRPC reads it; the form of answers and requests | `calls`                          |
| how a call may end                                          | `endings`                        |
| TestService: what is sent to it, what is due                | `service`                        |
| the test peer                                               | `tester`                         |
| one case: script, probes, verdict                           | `run`                            |
| the cases                                                   | `cases/`, found by `table`       |
| a server on the network                                     | `server`                         |
| clients, and where they are tested                          | `clients`, `bench`               |
| asyncio stacks in memory; Plait's own                       | `memory`, `stack`                |

It rests on the HTTP/2 level: the same scripts, drivers, reports and command lines, and the rules that hold for every
frame are watched here too. A case is about a statement of docs/grpc-wire.md, whose sections 1 to 12 its clause names.
"""
