"""Plait against everybody else: the same programs, in every pairing of server and client.

| question                                          | file                                          |
|---------------------------------------------------|-----------------------------------------------|
| what is checked, and what the servers answer      | `cases`                                       |
| which pairings there are; the table of results    | `matrix`                                      |
| gRPC's own test service, its cases, their table   | `official_service`, `_cases`, `_matrix`       |
| both APIs of a Python module as one               | `faces`                                       |
| servers that do what careless clients get wrong   | `negative_server`                             |
| the other implementations; how to add one         | `peers`, and `docs/interop.md`                |
| HTTP/2 by the RFC, for servers and for clients    | `conformance`                                 |
| a call shown frame by frame                       | `demo`                                        |
| the command `plait`                               | `cli`                                         |

    python -m interop matrix        every pairing, helloworld and the official cases, as tables
    python -m interop demo          a few calls, frame by frame
    python -m interop conformance   the conformance kit
"""
