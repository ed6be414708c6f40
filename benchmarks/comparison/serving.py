"""``python -m benchmarks.comparison.serving bare|raw|orm``: one peer under uvicorn.

Set as ``ancrage run`` sets it. It prints its port, then serves until it is told to stop.
"""

import importlib
import socket
import sys

import uvicorn
import uvloop


async def _serve(name: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    app = importlib.import_module(f"benchmarks.comparison.peers.{name}").app
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            http="httptools",
            ws="none",
            timeout_graceful_shutdown=5,
        )
    )
    print(listener.getsockname()[1], flush=True)
    await server.serve(sockets=[listener])


if __name__ == "__main__":
    # The quickest loop there is, for every peer.
    uvloop.run(_serve(sys.argv[1]))
