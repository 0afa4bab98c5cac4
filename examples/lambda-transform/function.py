"""A Lambda function that cuts addresses short, drops health checks and refuses what is no JSON.

Lambda calls handler. Started as a program it answers calls as a Lambda container does."""

import base64
import http.server
import json
import sys


def handler(event, context):
    return {"records": [transform(record) for record in event["records"]]}


def transform(record):
    try:
        visit = json.loads(base64.b64decode(record["data"]))
    except ValueError:
        return {"recordId": record["recordId"], "result": "ProcessingFailed"}
    if visit["page"] == "/health":
        return {"recordId": record["recordId"], "result": "Dropped"}
    visit["ip"] = visit["ip"].rpartition(".")[0] + ".0"
    line = json.dumps(visit) + "\n"
    return {"recordId": record["recordId"], "result": "Ok", "data": base64.b64encode(line.encode()).decode()}


class Runtime(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            answer = handler(event, None)
        except Exception as e:  # Lambda answers so for a function that raises
            answer = {"errorType": type(e).__name__, "errorMessage": str(e)}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9000
    server = http.server.HTTPServer(("127.0.0.1", port), Runtime)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
