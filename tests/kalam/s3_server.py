"""An S3 server over loopback for the tests, driven by lines on standard input.

Prints its port, then an answer for each line. It ends with its input.
"""

import sys
import threading

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

mode = "well"
inner = DomainDispatcherApplication(create_backend_app)


def answer(environ, start_response):
    """Answers as S3 does, or as the mode asks."""
    if mode == "away":
        start_response("503 Service Unavailable", [("Content-Length", "0")])
        return [b""]
    if mode == "denied":
        body = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        start_response("403 Forbidden", [("Content-Length", str(len(body)))])
        return [body]
    if mode == "forgetful" and environ["REQUEST_METHOD"] in ("PUT", "POST"):
        for _ in inner(environ, lambda *_: None):
            pass
        start_response("500 Internal Server Error", [("Content-Length", "0")])
        return [b""]
    return inner(environ, start_response)


class Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


server = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = boto3.client(
    "s3",
    endpoint_url=f"http://127.0.0.1:{server.port}",
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
)
print(server.port, flush=True)
for line in sys.stdin:
    verb, _, rest = line.strip().partition(" ")
    if verb == "mode":
        mode = rest
        print("ok", flush=True)
    elif verb == "bucket":
        client.create_bucket(Bucket=rest)
        print("ok", flush=True)
    elif verb == "objects":
        found = client.list_objects_v2(Bucket=rest).get("Contents", [])
        print(",".join(sorted(o["Key"] for o in found)), flush=True)
    elif verb == "damage":
        for found in client.list_objects_v2(Bucket=rest).get("Contents", []):
            body = bytearray(client.get_object(Bucket=rest, Key=found["Key"])["Body"].read())
            body[len(body) // 3] ^= 1
            client.put_object(Bucket=rest, Key=found["Key"], Body=bytes(body))
        print("ok", flush=True)
