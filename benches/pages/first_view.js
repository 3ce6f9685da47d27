// How long until a first view shows what it is about, on a processor made to look four times slower, with nothing kept
// from a visit before. Beside it the same on the processor as it is, in the same run.
import { launch, close, person } from "../../tests/browser/support/browser.js";

const ROUNDS = Number(process.env.ROUNDS ?? 7);
const SLOWER = Number(process.env.SLOWER ?? 4);
const BASE = (process.env.BELFRY_URL ?? "http://127.0.0.1:8080").replace(/\/$/, "");

/** What a page is about, and whose it is. */
const views = [
  { name: "find an expert", email: null, path: "/", shows: ".expert-card" },
  { name: "sign in", email: null, path: "/login", shows: "main form input[type=password]" },
  { name: "my bookings", email: "client1@belfry.test", path: "/bookings", shows: ".booking-row" },
  { name: "live inbox", email: "expert1@belfry.test", path: "/live", shows: "#requests" },
  { name: "overview", email: "admin@belfry.test", path: "/admin/overview", shows: ".tile" },
];

/** How a page's word begins when it shows what it is about. */
const SEEN = "first view";

const middle = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

/** In a browser context of its own, whose cache is empty. */
async function once({ email, path, shows }, rate) {
  const who = await person(email);
  const page = await who.tab();
  const devtools = await who.context.newCDPSession(page);
  await devtools.send("Emulation.setCPUThrottlingRate", { rate });
  // The page tells by itself when it is there: whoever asked it again and again would be measured with it.
  const told = page.waitForEvent("console", { predicate: (message) => message.text().startsWith(SEEN), timeout: 60_000 });
  await page.addInitScript(
    ([selector, word]) => {
      const look = () => {
        if (!document.querySelector(selector)) return void requestAnimationFrame(look);
        const seen = performance.now();
        // What nothing was painted before is painted with this very frame.
        const painted = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? seen;
        console.debug(word, seen, painted);
      };
      requestAnimationFrame(look);
    },
    [shows, SEEN],
  );
  await page.goto(BASE + path, { waitUntil: "commit" });
  const [seen, painted] = (await told).text().slice(SEEN.length).trim().split(" ").map(Number);
  await who.end();
  return { seen, painted };
}

await launch();
for (const view of views) {
  const [asItIs, slower] = [[], []];
  for (let n = 0; n < ROUNDS; n++) {
    asItIs.push(await once(view, 1));
    slower.push(await once(view, SLOWER));
  }
  const ms = (list, key) => Math.round(middle(list.map((one) => one[key])));
  const line = {
    view: view.name,
    ms: ms(asItIs, "seen"),
    slower: SLOWER,
    ms_slower: ms(slower, "seen"),
    first_paint_slower: ms(slower, "painted"),
    rounds: ROUNDS,
  };
  console.log(JSON.stringify(line));
}
await close();
