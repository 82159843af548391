"""Servers and clients of others that the kit is run on for the published matrix (`docs/conformance-matrix.md`).

| question                                                            | file        |
|---------------------------------------------------------------------|-------------|
| what is known of a server or client before it runs                  | `peer`      |
| the servers: which program, how it is configured, what answers      | `servers`   |
| the clients: which command makes one request                        | `clients`   |
| servers and clients of gRPC, those of `python -m interop matrix`    | `grpc`      |
| a server for the length of a `with` block, on a free port           | `running`   |
| what answers behind those that only pass requests on                | `backend`   |
| handlers and clients in the language of the peer                    | `programs/` |
| what the failures are, in words, by peer and line                   | `findings/` |

**A figure must be fair.** Every server answers GET of one path with the same content, and a POST with its own content
*after the whole request*: one that answers sooner has closed the stream before half of the cases can do anything to it.
A server that runs code gets a handler for that; one that only passes requests on gets `backend` behind it. All run as
they are installed, on loopback, in plaintext with prior knowledge, with no setting that has to do with the protocol.

**How to add a peer**: one more entry in the table of `servers` or `clients`. Its `setup` gets a free port and an empty
directory, writes its configuration there and returns the command, which must stay in the foreground. Run
`python -m interop conformance matrix --only NAME`, look at each failing line with
`python -m interop conformance server ... --explain ID`, and write down in `findings` what it is.
"""
