"""One GET over HTTP/2 with httpx; the content goes to standard output. Usage: python httpx_client.py URL"""

from __future__ import annotations

import sys


def main() -> int:
    """The exit status."""
    import httpx

    with httpx.Client(http1=False, http2=True, trust_env=False, timeout=10) as client:
        try:
            response = client.get(sys.argv[1])
        except httpx.HTTPError as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            return 1
    sys.stdout.buffer.write(response.content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
