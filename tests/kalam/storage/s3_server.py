"""An S3 server over loopback for the tests, driven by lines on standard input.

Prints its port, then an answer for each line. It ends with its input.
"""

import collections
import random
import sys
import threading
import time

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

WRITES = ("PUT", "POST")
SOMEBODY = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
)

mode = "well"
# What becomes of each request in mode "unsteady".
dice = random.Random()
# Writes that pass before the store is away; None: all.
writes_left = None
requests = collections.Counter()
inner = DomainDispatcherApplication(create_backend_app)


def refuse(start_response, status, body=b""):
    start_response(status, [("Content-Length", str(len(body)))])
    return [body]


def as_s3(environ):
    """Google's XML API has the requests of S3, with headers of other names."""
    if environ.get("HTTP_AUTHORIZATION", "Bearer").startswith("Bearer"):
        environ["HTTP_AUTHORIZATION"] = SOMEBODY
    for name in [name for name in environ if name.startswith("HTTP_X_GOOG_META_")]:
        environ[name.replace("GOOG", "AMZ")] = environ.pop(name)
    if environ.pop("HTTP_X_GOOG_IF_GENERATION_MATCH", None) == "0":
        environ["HTTP_IF_NONE_MATCH"] = "*"


def answer(environ, start_response):
    """Answers as S3 does, or as the mode asks."""
    global writes_left
    method = environ["REQUEST_METHOD"]
    as_s3(environ)
    requests[method] += 1
    if writes_left is not None and method in WRITES:
        writes_left -= 1
        if writes_left < 0:
            return refuse(start_response, "503 Service Unavailable")
    if mode == "away":
        return refuse(start_response, "503 Service Unavailable")
    if mode == "denied":
        body = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        return refuse(start_response, "403 Forbidden", body)
    if mode == "forgetful" and method in WRITES:
        # It is done, and nobody is told.
        list(inner(environ, lambda *_: None))
        return refuse(start_response, "500 Internal Server Error")
    if mode == "silent" and method in WRITES:
        list(inner(environ, lambda *_: None))
        time.sleep(3)
        return refuse(start_response, "500 Internal Server Error")
    if mode == "unsteady":
        return unsteady(environ, start_response)
    return inner(environ, start_response)


def unsteady(environ, start_response):
    """Answers late, with an error before or after it is done, in half, or too late."""
    fate = dice.choices(
        ("well", "late", "refused", "forgotten", "cut", "too late"), (45, 15, 15, 10, 10, 5)
    )[0]
    if fate == "late":
        time.sleep(dice.uniform(0.02, 0.2))
    if fate == "refused":
        return refuse(start_response, "503 Service Unavailable")
    if fate in ("well", "late"):
        return inner(environ, start_response)
    head = []
    body = b"".join(inner(environ, lambda *given: head.extend(given)))
    if fate == "forgotten":
        return refuse(start_response, "500 Internal Server Error")
    if fate == "too late":
        time.sleep(1.2)
    start_response(*head[:2])
    return [body[: len(body) // 2] if fate == "cut" else body]


class Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


def damage(bucket):
    for found in client.list_objects_v2(Bucket=bucket).get("Contents", []):
        body = bytearray(client.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
        body[len(body) // 3] ^= 1
        client.put_object(Bucket=bucket, Key=found["Key"], Body=bytes(body))


def empty(bucket):
    for found in client.list_objects_v2(Bucket=bucket).get("Contents", []):
        client.put_object(Bucket=bucket, Key=found["Key"], Body=b"")


def run(verb, rest):
    global mode, writes_left
    if verb == "seed":
        dice.seed(int(rest))
    elif verb == "mode":
        mode, writes_left = rest, None
    elif verb == "writes":
        mode, writes_left = "well", int(rest)
    elif verb == "bucket":
        client.create_bucket(Bucket=rest)
    elif verb == "objects":
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=rest)
        found = [o for page in pages for o in page.get("Contents", [])]
        return ",".join(sorted(f"{o['Key']}={o['Size']}" for o in found))
    elif verb == "uploads":
        return str(len(client.list_multipart_uploads(Bucket=rest).get("Uploads", [])))
    elif verb == "requests":
        counted = f"{requests['GET']} {requests['PUT']} {requests['POST']}"
        requests.clear()
        return counted
    elif verb == "damage":
        damage(rest)
    elif verb == "empty":
        empty(rest)
    else:
        return f"unknown {verb}"
    return "ok"


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
    print(run(verb, rest), flush=True)
