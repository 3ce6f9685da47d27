// What a first view costs on the wire, with nothing kept from a visit before: less than 150 KiB, everything in it.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { close, nothingWrong, open, person } from "./support/browser.js";

after(close);

const KIB = 1024;
const MOST = 150 * KIB;

/** The file at an address, in whatever folder this release has it. @param {string} address */
const fileOf = (address) => new URL(address).pathname.replace(/^\/static\/@[^/]+\//, "/static/");

/** Opens a page and counts every byte that came for it. */
async function weigh(who, path) {
  const page = await who.tab();
  const devtools = await who.context.newCDPSession(page);
  await devtools.send("Network.enable");
  await devtools.send("Network.setCacheDisabled", { cacheDisabled: true });
  const asked = new Map();
  devtools.on("Network.requestWillBeSent", ({ requestId, request }) => asked.set(requestId, request.url));
  const came = [];
  devtools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => came.push({ url: asked.get(requestId), bytes: encodedDataLength }));
  await open(page, path);
  await page.waitForLoadState("networkidle");
  assert.ok(came.some(({ url }) => url.endsWith("/js/main.js")), "what is counted is a first view");
  return { bytes: came.reduce((sum, { bytes }) => sum + bytes, 0), files: came.length, heaviest: came.sort((a, b) => b.bytes - a.bytes).slice(0, 5) };
}

for (const [what, email, path] of [
  ["a visitor's first page", null, "/"],
  ["signing in", null, "/login"],
  ["a client's bookings", "client1@belfry.test", "/bookings"],
]) {
  test(`${what} is below 150 KiB`, async (t) => {
    const who = await person(email);
    const { bytes, files, heaviest } = await weigh(who, path);
    t.diagnostic(`${what}: ${(bytes / KIB).toFixed(1)} KiB in ${files} files; ${heaviest.map(({ url, bytes: each }) => `${new URL(url).pathname} ${(each / KIB).toFixed(1)}`).join(", ")}`);
    assert.ok(bytes < MOST, `${bytes} bytes: ${JSON.stringify(heaviest)}`);
    nothingWrong(who.complaints);
    await who.end();
  });
}

test("what a first view needs is asked for at once, and once", async () => {
  const visitor = await person(null);
  const page = await visitor.tab();
  const asked = [];
  page.on("request", (request) => asked.push(fileOf(request.url())));
  await open(page, "/");
  const modules = asked.filter((path) => path.startsWith("/static/") && path.endsWith(".js"));
  const links = await page.evaluate(() => [...document.querySelectorAll("link[rel=modulepreload]")].map((link) => /** @type {HTMLLinkElement} */ (link).href));
  const named = links.map(fileOf);
  assert.ok(named.length > 20, `${named.length} modules named`);
  // Beside what runs before the first paint, nothing comes that the page's head did not name.
  assert.deepEqual(modules.filter((path) => !named.includes(path)), ["/static/js/theme.js"]);
  assert.deepEqual(named.filter((path) => !modules.includes(path)), []);
  for (const path of [...modules, "/static/i18n/en.json"]) assert.equal(asked.filter((one) => one === path).length, 1, path);
  nothingWrong(visitor.complaints);
  await visitor.end();
});
