"""HTTP/1.1 as the web process reads it: httptools, with a limit on what comes before a body."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT_BYTES = 2**16


class LimitedHttp(HttpToolsProtocol):
    """Ends connections whose request line and headers are longer than 64 KiB, which httptools would keep."""

    _head_bytes: int | None = 0  # None while a body is read
    _block_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Read what a caller sends."""
        self._block_bytes = len(data)
        super().data_received(data)
        if self._head_bytes is None or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_LIMIT_BYTES:
            self.send_400_response("The headers are too long.")

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        self._head_bytes = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect the next request."""
        super().on_message_complete()
        self._head_bytes = -self._block_bytes  # the block in hand ends a body
