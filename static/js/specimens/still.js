// While the design page is open, nothing that its parts ask for changes the house; and what they read can be made to
// hang, to be nothing, or to fail, so that every part shows each of its faces.

const HOUR_MS = 3_600_000;

/** @typedef {"full" | "loading" | "empty" | "failed"} Face */

/** The page around the parts goes on as ever. */
const AROUND = /^\/api\/v1\/(auth|live|house|notifications\/unread-count|push|me\/devices)\b/;

/** @param {any} body @param {number} status @param {string} [type] */
const answer = (body, status, type = "application/json") => new Response(JSON.stringify(body), { status, headers: { "content-type": type } });

/** @param {number} status @param {string} detail */
const problem = (status, detail) => answer({ type: "/problems/conflict", title: detail, status, detail, request_id: "0192d3a0" }, status, "application/problem+json");

/** Two times of a series, the second of which is taken. */
function preview() {
  const at = (/** @type {number} */ hours) => new Date(Math.ceil(Date.now() / HOUR_MS) * HOUR_MS + hours * HOUR_MS).toISOString();
  const time = (/** @type {number} */ hours) => ({ starts_at: at(hours), ends_at: at(hours + 1) });
  const first = { ...time(50), instead_of: null, free: true, against: null, alternatives: [] };
  const second = { ...time(218), instead_of: null, free: false, against: "taken", alternatives: [time(219), time(242)] };
  return { rrule: "FREQ=WEEKLY;COUNT=2", time_zone: "UTC", free: 1, occurrences: [first, second] };
}

/** What holds now, while anything does. @type {{face: Face, refusal: string} | null} */
let held = null;
let wrapped = false;

/** @param {Face} face @param {string} refusal what is said to whoever presses a button @returns {() => void} lets go */
export function holdStill(face, refusal) {
  const mine = (held = { face, refusal });
  if (!wrapped) wrap();
  // Parts that leave the page give back what they hold, and they leave after it.
  return () => void setTimeout(() => held === mine && (held = null));
}

function wrap() {
  wrapped = true;
  const before = window.fetch;
  window.fetch = async (input, init) => {
    const path = new URL(input instanceof Request ? input.url : String(input), location.origin).pathname;
    if (!held || !path.startsWith("/api/") || AROUND.test(path)) return before(input, init);
    const { face, refusal } = held;
    const method = init?.method ?? "GET";
    if (method !== "GET") {
      // A form that holds its slot while it is filled shows nothing without one.
      if (path.endsWith("/holds")) return answer({ id: "0192d3a0-0000-7000-8000-00000000000a", expires_at: new Date(Date.now() + 240_000).toISOString() }, 201);
      if (path.endsWith("/series/preview")) return answer(preview(), 200);
      if (path.includes("/holds/")) return new Response(null, { status: 204 });
      return problem(409, refusal);
    }
    if (face === "loading") return new Promise(() => {});
    if (face === "failed") return problem(503, "");
    const response = await before(input, init);
    if (face === "full" || !response.ok || !/json/.test(response.headers.get("content-type") ?? "")) return response;
    const body = await response.json();
    return answer(Array.isArray(body.items) ? { ...body, items: [], next: null } : body, 200);
  };
}
