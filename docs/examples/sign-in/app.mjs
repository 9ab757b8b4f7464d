// An application that people sign in to: `node app.mjs`, then http://localhost:3000.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import * as oidc from "openid-client";

const { ISSUER, CLIENT_ID, CLIENT_SECRET, PORT = "3000" } = process.env;
const HOME = `http://localhost:${PORT}`;
// Plain http is for this machine only; elsewhere the library insists on https, and so should you.
const execute = new URL(ISSUER).hostname === "localhost" ? [oidc.allowInsecureRequests] : [];
const server = await oidc.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, undefined, { execute });

// Who is signed in, by the cookie of their browser. A real application keeps this in its database.
const sessions = new Map();
const sessionId = (request) => /(?:^|; )session=([^;]+)/.exec(request.headers.cookie)?.[1];

/** Sends the browser on; with `session` it gets a new cookie, so that nobody can plant an old one. */
function go(response, to, session) {
  const id = randomUUID();
  if (session) sessions.set(id, session);
  if (session) response.setHeader("Set-Cookie", `session=${id}; Path=/; HttpOnly; SameSite=Lax`);
  response.writeHead(302, { Location: to }).end();
}

const page = (response, html) => response.setHeader("Content-Type", "text/html;charset=utf-8").end(html);
const escape = (text) => String(text).replace(/[&<>"']/g, (one) => `&#${one.charCodeAt()};`);

const routes = {
  async "/"(request, response) {
    const session = sessions.get(sessionId(request));
    if (!session?.tokens) return page(response, `<p>Nobody is signed in. <a href="/login">Sign in</a></p>`);
    // Access tokens live for minutes. The refresh token gets new ones until the person has signed out.
    if (session.tokens.expiresIn() < 30) {
      session.tokens = await oidc.refreshTokenGrant(server, session.tokens.refresh_token);
    }
    const { name, email } = await oidc.fetchUserInfo(server, session.tokens.access_token, session.claims.sub);
    page(response, `<p>Hello, ${escape(name)} (${escape(email)}). <a href="/logout">Sign out</a></p>`);
  },

  async "/login"(request, response) {
    const checks = {
      pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
      expectedState: oidc.randomState(),
      expectedNonce: oidc.randomNonce(),
    };
    const to = oidc.buildAuthorizationUrl(server, {
      redirect_uri: `${HOME}/callback`,
      scope: "openid profile email",
      code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
      code_challenge_method: "S256",
      state: checks.expectedState,
      nonce: checks.expectedNonce,
    });
    go(response, to, { checks });
  },

  async "/callback"(request, response) {
    const { checks } = sessions.get(sessionId(request)) ?? {};
    sessions.delete(sessionId(request));
    const tokens = await oidc.authorizationCodeGrant(server, new URL(request.url, HOME), checks);
    go(response, "/", { tokens, claims: tokens.claims() });
  },

  async "/logout"(request, response) {
    const { tokens } = sessions.get(sessionId(request)) ?? {};
    sessions.delete(sessionId(request));
    const hint = { id_token_hint: tokens?.id_token ?? "", post_logout_redirect_uri: `${HOME}/` };
    go(response, tokens ? oidc.buildEndSessionUrl(server, hint) : "/");
  },
};

createServer((request, response) => {
  const route = routes[new URL(request.url, HOME).pathname] ?? (async () => response.writeHead(404).end());
  route(request, response).catch((error) => {
    console.error(error);
    sessions.delete(sessionId(request));
    response.statusCode = 500;
    page(response, `<p>That did not work; the log says why. <a href="/">Start again</a></p>`);
  });
}).listen(PORT, "localhost", () => console.log(HOME));
