"""Checks the DKIM signature of the mail on stdin with dkimpy and the public half of the key that is named.

Prints the signature's algorithm and the headers that it covers, or fails and says why.
"""

import base64
import subprocess
import sys

import dkim

key, selector, domain = sys.argv[1:]
public = subprocess.run(
    ["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True, capture_output=True
).stdout
if len(public) == 44:
    # In the DNS an Ed25519 key stands without its wrapping (RFC 8463).
    record = b"v=DKIM1; k=ed25519; p=" + base64.b64encode(public[-32:])
else:
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
asked = []


def answer(name, timeout=5):
    asked.append(name.decode().rstrip("."))
    return record


mail = dkim.DKIM(sys.stdin.buffer.read())
try:
    verified = mail.verify(dnsfunc=answer)
except dkim.DKIMException as fault:
    sys.exit(f"not verified: {fault}")
if not verified:
    sys.exit("not verified")
if asked != [f"{selector}._domainkey.{domain}"]:
    sys.exit(f"asked for {asked}")
fields = dict(mail.signature_fields)
print(fields[b"a"].decode(), fields[b"h"].decode().replace(" ", ""))
