"""Three receivers of batches, which print what they take: python3 receiver.py 9100

Whoever sends to /ingest brings WEBHOOK_TOKEN and signs with WEBHOOK_SECRET."""

import base64, hashlib, hmac, json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def verified(headers, body, secret):
    """Says whether a request is signed by whoever knows the secret, in the last five minutes."""
    said = headers.get("webhook-timestamp", "")
    if not said.isdigit() or abs(time.time() - int(said)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = headers.get("webhook-id", "").encode() + b"." + said.encode() + b"." + body
    right = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(right, one) for one in headers.get("webhook-signature", "").split())


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    known = set()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = {"/ingest": self.ingest, "/live": self.live, "/firehose": self.firehose}[self.path](body)
        text = json.dumps(answer).encode() if answer else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def ingest(self, body):
        """Takes signed arrays of events that have an event_id; each batch once."""
        batch = self.headers.get("webhook-id")
        if self.headers.get("authorization") != "Bearer " + os.environ["WEBHOOK_TOKEN"]:
            return 401, None
        if not verified(self.headers, body, os.environ["WEBHOOK_SECRET"]):
            return 401, None
        if batch in self.known:
            return 200, None
        events = json.loads(body)
        if any("event_id" not in event for event in events):
            return 422, None  # the batch comes again in halves, until what is wrong stands alone
        self.known.add(batch)
        self.show(events)
        return 200, None

    def live(self, body):
        """Takes lines of JSON."""
        self.show([json.loads(line) for line in body.splitlines()])
        return 204, None

    def firehose(self, body):
        """Speaks the protocol of Amazon's HTTP endpoints."""
        request = json.loads(body)
        self.show([json.loads(base64.b64decode(record["data"])) for record in request["records"]])
        return 200, {"requestId": request["requestId"], "timestamp": int(time.time() * 1000)}

    def show(self, events):
        for event in events:
            print(self.path, json.dumps(event, separators=(",", ":")), flush=True)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
