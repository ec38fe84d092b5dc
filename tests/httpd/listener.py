# SPDX-License-Identifier: Apache-2.0
"""A server of the tests' own on a free port: a thread for each connection, until the block ends."""

import socket
import threading


class Listener:
    """Whoever inherits has serve(connection), and calls this constructor last: from then on connections come."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # else accept() goes on
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        raise NotImplementedError
