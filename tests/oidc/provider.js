// A real OpenID Connect provider for tests: the package oidc-provider, which lets everybody log in by any name, and takes
// the name for a proved address. POST /person says otherwise: "name;address;unverified;group,group", of which all but the
// name may be left out.
//
//   node provider.js PORT REDIRECT_ADDRESS SECRET [HOST]
//
// It prints its address when it is ready. POST /rotate gives it other keys, as if it had lost the ones before.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [port, redirect, secret, host = "127.0.0.1"] = process.argv.slice(2);

function freshKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };
}

/** What was said of people, by their names. @type {Map<string, string>} */
const people = new Map();

/** Who somebody is. @param {string} name */
function claims(name) {
  const [sub, email, verified, groups] = (people.get(name) ?? name).split(";");
  return {
    sub,
    email: email || sub,
    email_verified: verified !== "unverified",
    name: "Somebody at the provider",
    groups: groups ? groups.split(",") : [],
  };
}

/** @param {string} issuer */
const provider = (issuer) =>
  new Provider(issuer, {
    clients: [
      {
        client_id: "belfry",
        client_secret: secret,
        redirect_uris: [redirect],
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "groups"] },
    features: { devInteractions: { enabled: true } },
    pkce: { required: () => true },
    jwks: { keys: [freshKey()] },
    cookies: { keys: [randomUUID()] },
    findAccount: (_, id) => ({ accountId: id, claims: () => claims(id) }),
  }).callback();

let issuer = "";
/** @type {any} */
let current;
const server = createServer((request, response) => {
  if (request.method === "POST" && request.url === "/rotate") {
    current = provider(issuer);
    response.writeHead(204).end();
    return;
  }
  if (request.method === "POST" && request.url === "/person") {
    let said = "";
    request.on("data", (part) => (said += part));
    request.on("end", () => {
      people.set(said.split(";")[0], said);
      response.writeHead(204).end();
    });
    return;
  }
  current(request, response);
});
server.listen(Number(port), "127.0.0.1", () => {
  issuer = `http://${host}:${/** @type {any} */ (server.address()).port}`;
  current = provider(issuer);
  console.log(issuer);
});
