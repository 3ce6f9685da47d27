// A push service on this machine, for a browser that reaches none in a test: it takes what the house sends, opens it
// with the subscription's keys (RFC 8291, 8188), and hands it to the service worker as the browser would.
import { createDecipheriv, createECDH, hkdfSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";

/** @param {Buffer} body @param {import("node:crypto").ECDH} own @param {Buffer} auth */
function decrypted(body, own, auth) {
  const salt = body.subarray(0, 16);
  const sender = body.subarray(21, 21 + body[20]);
  const sealed = body.subarray(21 + body[20]);
  const info = Buffer.concat([Buffer.from("WebPush: info\0"), own.getPublicKey(), sender]);
  const secret = Buffer.from(hkdfSync("sha256", own.computeSecret(sender), auth, info, 32));
  const key = Buffer.from(hkdfSync("sha256", secret, salt, Buffer.from("Content-Encoding: aes128gcm\0"), 16));
  const nonce = Buffer.from(hkdfSync("sha256", secret, salt, Buffer.from("Content-Encoding: nonce\0"), 12));
  const cipher = createDecipheriv("aes-128-gcm", key, nonce);
  cipher.setAuthTag(sealed.subarray(-16));
  const padded = Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]);
  return padded.subarray(0, padded.lastIndexOf(2)).toString("utf8");
}

/** Starts one with one subscription. */
export async function pushService() {
  const own = createECDH("prime256v1");
  own.generateKeys();
  const auth = randomBytes(16);
  /** @type {string[]} */
  const received = [];
  let status = 201;
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    if (status === 201) {
      received.push(decrypted(Buffer.concat(parts), own, auth));
    }
    response.writeHead(status).end();
  });
  // A test that fails before its end must not hang on it.
  server.unref();
  await new Promise((done) => server.listen(0, "127.0.0.1", () => done(null)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    endpoint: `http://127.0.0.1:${port}/${randomBytes(8).toString("hex")}`,
    keys: { p256dh: own.getPublicKey().toString("base64url"), auth: auth.toString("base64url") },
    /** What pushes are answered from now on. @param {number} wanted */
    answer: (wanted) => void (status = wanted),
    /** The next push, as the browser reads it, if one came by now. */
    next: () => received.shift(),
    end: () => new Promise((done) => (server.closeAllConnections(), server.close(() => done(null)))),
  };
}
