"""What both clients of Chat say on the wire and on the terminal."""

from __future__ import annotations

import argparse

from examples.chat.chat_pb2 import Heard, Join, Said


def join(room: str, name: str) -> Said:
    """The first message."""
    return Said(join=Join(room=room, name=name))


def text_of(heard: Heard) -> str:
    """What is heard, as a line."""
    if heard.kind == Heard.JOINED:
        return f"* {heard.name} has come; here are {', '.join(heard.members)}"
    if heard.kind == Heard.LEFT:
        return f"* {heard.name} has gone"
    return f"{heard.name}: {heard.text}"


def options() -> argparse.Namespace:
    """What the command line says: target, room, name."""
    parser = argparse.ArgumentParser(
        description="Joins a room: what is typed is said, line by line; Ctrl-D or Ctrl-C leaves."
    )
    parser.add_argument("target", metavar="HOST:PORT", help="e.g. localhost:50052")
    parser.add_argument("room")
    parser.add_argument("name", help="yours")
    return parser.parse_args()
