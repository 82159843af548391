"""The conformance kit: HTTP/2 by RFC 9113, for servers and for clients, whatever their language.

    python -m interop conformance memory --stack plait      every case against a Python stack, without sockets
    python -m interop conformance server HOST:PORT          the same against a server, over TCP or TLS
    python -m interop conformance client -- CMD {url}       the same against a client that is started for each case

| question                                                     | file                                            |
|--------------------------------------------------------------|-------------------------------------------------|
| what a case is: steps, what is allowed, levels               | `model`                                         |
| the frames and field blocks of a script, wrong ones too      | `script`                                        |
| the cases                                                    | `cases/`, found by `table`                      |
| the cases of h2spec, and ours in their place                 | `h2spec`; `docs/coverage.md` has all statements |
| the test peer, without I/O: what it says, what it waits for  | `tester`                                        |
| what passed on a connection; one request and its answer      | `recording`, `exchange`; frames in `wire`       |
| rules that hold for every frame that comes                   | `checks`; the windows in `granted`              |
| from what was seen to a verdict                              | `verdicts`; what is wrong besides, in `faults`  |
| a tester and a connection, joined; how octets are cut        | `driving`                                       |
| one case: script, barrier, probes                            | `run`                                           |
| stacks in memory; the adapters that are shipped              | `memory`, `stacks/`                             |
| connections over TCP and TLS                                 | `sockets`                                       |
| a server on the network: what it speaks, all cases at it     | `server`, `server_command`, `reference`         |
| clients that connect by themselves, and where they are tested| `clients`, `bench`, `client_command`            |
| results for a reader; the command line                       | `report`, `junit`, `progress`, `commands`       |
| a run frame by frame; results as a page for a browser        | `transcript`, `html`, `assets/`                 |
| the shell of HTML pages; titles and places of clauses        | `page`, `clauses`                               |

**The idea.** A case is data. A `Driver` is a connection: octets out, octets in. `run_case` joins them through the
`Tester`, and what it saw is compared with what the case allows. So a way of running (in memory, over TCP and TLS,
against a client that is started) is a driver, a report is a function of results, and neither knows a case.

**Why it cannot be fooled.** An error counts by its kind and its code, not by the connection being gone: an end that
says nothing is a class of its own (`silent-close`), and so is a crash. After every case the same connection, where it
should live, and a fresh one must serve a request, whose content is compared octet by octet. What is emitted in passing
is checked too. Every case runs whole and one octet at a time.

**How to add a case.** Write it into the file of its group in `cases/` (a new file needs no registration). Give the
steps so that they lead to a decision whether the stimulus is tolerated or not: `Begin(), send(...), Finish()` for what
must be ignored, `send(...)` alone for what is an error. Run it against Plait and h2, and look at `--explain ID`: a case
that passes without having done anything is worse than none. `tests/interop/conformance/statements.tsv` says which
statement of the RFC it is about.
"""
