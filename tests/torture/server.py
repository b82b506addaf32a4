"""A model server with moods: chat completions that lower the cost."""
import http.server
import json
import random
import re
import threading
import time


class Server:
    """On a free port of loopback; `faults` is the share of bad requests."""

    def __init__(self, seed, faults=0.15):
        self.random = random.Random(seed)
        self.faults = faults
        self.asked = 0
        self.down = False
        self.lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                outer.answer(self)

            def do_GET(self):
                self.send_error(404)

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # whoever asked has been killed

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()

    def answer(self, request):
        size = int(request.headers.get("Content-Length", 0))
        body = json.loads(request.rfile.read(size) or b"{}")
        with self.lock:
            self.asked += 1
            mood = self.random.random()
            less = self.random.randint(1, 3000)
        if self.down:
            return request.send_error(503)
        if mood < self.faults:
            return self.misbehave(request, mood / self.faults)
        said = json.dumps(body.get("messages", []))
        costs = re.findall(r"cost (\d+)", said)
        cost = int(costs[-1]) - less if costs else 99000 - less
        text = (f"IDEA: make it {cost}\n\napp.txt\n```\ncost {cost}\n```\n")
        self.send(request, text, bool(body.get("stream")))

    def send(self, request, text, stream, cut=False):
        usage = {"prompt_tokens": 400, "completion_tokens": 50}
        request.send_response(200)
        if not stream:
            request.send_header("Content-Type", "application/json")
            request.end_headers()
            choice = {"index": 0, "finish_reason": "stop",
                      "message": {"role": "assistant", "content": text}}
            request.wfile.write(json.dumps(
                {"choices": [choice], "usage": usage}).encode())
            return
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()

        def event(data):
            request.wfile.write(f"data: {data}\n\n".encode())
            request.wfile.flush()

        half = len(text) // 2
        for part in (text[:half], text[half:]):
            event(json.dumps({"choices": [
                {"index": 0, "delta": {"content": part},
                 "finish_reason": None}]}))
            if cut:
                return
            time.sleep(0.01)
        event(json.dumps({"choices": [
            {"index": 0, "delta": {}, "finish_reason": "stop"}],
            "usage": usage}))
        event("[DONE]")

    def misbehave(self, request, how):
        if how < 0.25:
            request.send_response(429)
            request.send_header("Retry-After", "1")
            request.end_headers()
        elif how < 0.5:
            request.send_error(500)
        elif how < 0.7:
            self.send(request, "IDEA: cut off in the middle of it", True, True)
        elif how < 0.85:
            self.send(request, "I am sorry, but I cannot help with that.", True)
        elif how < 0.95:
            request.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n{\"choi")
        else:
            time.sleep(4)  # beyond the request's time
