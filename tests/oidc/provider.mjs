// A real OpenID provider on loopback, for tests/oidc/test_real_provider.py.
// Reads its clients from the environment, prints its port, and ends when standard input closes.
// POST /test/rotate: new keys; whoever is signed in is forgotten. GET /test/asked: how often each path was asked.
import { createServer } from "node:http";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import Provider from "oidc-provider";

const clients = JSON.parse(process.env.OIDC_CLIENTS);
const people = JSON.parse(process.env.OIDC_PEOPLE);
const asked = {};
let issuer, answer;

function newKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };
}

function start() {
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys: [newKey()] },
    cookies: { keys: [randomUUID()] },
    claims: { openid: ["sub", "acr"], email: ["email", "email_verified"], profile: ["given_name", "family_name"] },
    features: { userinfo: { enabled: true }, jwtUserinfo: { enabled: true } },
    findAccount: (_context, sub) => people[sub] && { accountId: sub, claims: () => ({ sub, ...people[sub] }) },
  });
  answer = provider.callback();
}

const server = createServer((request, response) => {
  const path = request.url.split("?")[0];
  asked[path] = (asked[path] ?? 0) + 1;
  if (path === "/test/rotate") {
    start();
    response.end("{}");
  } else if (path === "/test/asked") {
    response.end(JSON.stringify(asked));
  } else {
    answer(request, response);
  }
});
server.listen(0, "127.0.0.1", () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  start();
  console.log(server.address().port);
});
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
