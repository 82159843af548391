"""The cases of the gRPC level, by the lines of their list.

| file             | lines                    | about                                                    |
|------------------|--------------------------|----------------------------------------------------------|
| `requests`       | GRP-01, GRP-02, GRP-03   | content types, HTTP methods, paths, heads (servers)      |
| `deadlines`      | GRP-04                   | `grpc-timeout` (servers)                                 |
| `messages`       | GRP-05, GRP-06, GRP-08   | prefixes, boundaries, how many there are (servers)       |
| `compression`    | GRP-07                   | codings, flags, bombs (servers)                          |
| `metadata`       | GRP-09                   | `-bin` fields, reserved fields, sizes (servers)          |
| `responses`      | GRP-10                   | statuses and their messages (servers)                    |
| `connections`    | GRP-15                   | PINGs (servers)                                          |
| `interop`        | GRP-16                   | the official interop cases, frame by frame (servers)     |
| `client_answers` | GRP-11, GRP-13           | HTTP statuses, trailers, statuses, messages (clients)    |
| `client_streams` | GRP-12, GRP-14, GRP-15   | error codes, the scenarios of http2_test (clients)       |
"""
