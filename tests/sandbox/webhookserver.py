"""A webhook server of the test process, over HTTPS."""

import base64
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox import tls

Json = dict[str, Any]
SERVICE = "hook.webhooks.svc"


class Hook:
    """A webhook server of this test; `answer` makes the response of a request, `asked` is what came."""

    def __init__(self) -> None:
        made = tls.make(more=(SERVICE,))
        self.ca = base64.b64encode(made.ca).decode()
        self.asked: list[Json] = []
        self.answer: Callable[[Json], Any] = lambda request: {"allowed": True}
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                request = review["request"]
                hook.asked.append({**request, "path": self.path})
                answer = hook.answer(request)
                code = answer if isinstance(answer, int) else 200
                body = json.dumps(
                    {**review, "response": {"uid": request["uid"], **answer}} if code == 200 else "no"
                )
                self.send_response(code)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = made.context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def client(self, path: str = "/") -> Json:
        return {"url": f"https://127.0.0.1:{self.port}{path}", "caBundle": self.ca}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
