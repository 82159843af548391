"""The windows that the tester grants to whom is tested (RFC 9113 §6.9), and DATA that goes beyond them."""

from __future__ import annotations

DEFAULT_WINDOW = 65_535
"""§6.9.2: octets of every window until somebody says otherwise."""


class Granted:
    """The windows that we grant, at their most generous: SETTINGS on their way count as if they had arrived."""

    def __init__(self) -> None:
        self.connection = DEFAULT_WINDOW
        self.by_stream: dict[int, int] = {}  # without the initial window, which SETTINGS may move
        self._initial = [DEFAULT_WINDOW]  # the acknowledged value, then those on their way

    @property
    def initial(self) -> int:
        """The value that we announced last."""
        return self._initial[-1]

    def announce(self, value: int) -> None:
        """Our SETTINGS_INITIAL_WINDOW_SIZE leaves; without an entry the value stays."""
        self._initial.append(value)

    def acknowledge(self) -> None:
        """The oldest value that was on its way counts, and those before it no more."""
        if len(self._initial) > 1:
            del self._initial[0]

    def use(self, stream_id: int, length: int) -> str:
        """DATA has come. What it breaks, if anything."""
        self.connection -= length
        self.by_stream[stream_id] = self.by_stream.get(stream_id, 0) - length
        if self.connection < 0 and length:
            return f"DATA goes {-self.connection} octets beyond the window of the connection"
        stream = self.by_stream[stream_id] + max(self._initial)
        if stream < 0 and length:
            return f"DATA goes {-stream} octets beyond the window of stream {stream_id}"
        return ""
