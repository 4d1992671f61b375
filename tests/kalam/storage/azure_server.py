"""Azurite, Microsoft's emulator of Azure's blobs, over loopback for the tests.

Takes the program and a folder for its data. Prints its port, then the blobs of
container `kalam` for each line on standard input. It ends with its input.
"""

import base64
import email.utils
import hashlib
import hmac
import re
import subprocess
import sys
import urllib.request
import xml.etree.ElementTree

# The account that every Azurite has, and its published key.
ACCOUNT = "devstoreaccount1"
KEY = base64.b64decode(
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


def ask(method, **query):
    """A signed request for the container."""
    headers = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    lines = [method, *[""] * 11]
    lines += [f"{name}:{value}" for name, value in sorted(headers.items())]
    lines += [f"/{ACCOUNT}/{ACCOUNT}/kalam"]
    lines += [f"{name}:{value}" for name, value in sorted(query.items())]
    signed = hmac.new(KEY, "\n".join(lines).encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(signed).decode()}"
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    url = f"http://127.0.0.1:{port}/{ACCOUNT}/kalam?{asked}"
    request = urllib.request.Request(url, method=method, headers=headers)
    with urllib.request.urlopen(request) as answer:
        return answer.read()


program, folder = sys.argv[1:]
azurite = subprocess.Popen(
    [program, "--blobPort", "0", "--location", folder, "--skipApiVersionCheck"],
    stdout=subprocess.PIPE,
    text=True,
)
try:
    port = None
    while port is None:
        line = azurite.stdout.readline()
        if not line:
            sys.exit("Azurite does not start")
        found = re.search(r"successfully listen\w* on http://[\d.]+:(\d+)", line)
        port = found and found[1]
    ask("PUT", restype="container")
    print(port, flush=True)
    for line in sys.stdin:
        tree = xml.etree.ElementTree.fromstring(ask("GET", restype="container", comp="list"))
        print(",".join(sorted(name.text for name in tree.iter("Name"))), flush=True)
finally:
    azurite.kill()
