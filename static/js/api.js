// The one way to the server. Answers come back parsed; every refusal comes back as a Problem whose field errors are
// looked up by JSON pointer, so a form can show each message where it belongs.
import { locale } from "./i18n.js";
import { accessToken, renew, tokenLeft } from "./session.js";

const BASE = "/api/v1";
/** A token this close to its end would run out on the way. */
const NEARLY_OVER_MS = 5000;

export class Problem extends Error {
  /**
   * @param {number} status 0 when the server could not be reached
   * @param {any} body
   */
  constructor(status, body) {
    super(body?.detail || body?.title || `HTTP ${status}`);
    this.status = status;
    this.body = body ?? {};
    /** The last part of the type, such as "slot-taken". */
    this.slug = String(this.body.type ?? "").split("/").pop() ?? "";
    this.requestId = this.body.request_id ?? null;
  }

  /** The message for one field of the request, or undefined. @param {string} pointer */
  at(pointer) {
    const errors = /** @type {{pointer: string, detail: string}[]} */ (this.body.errors ?? []);
    return errors.find((error) => error.pointer === pointer)?.detail;
  }

  get offline() {
    return this.status === 0;
  }
}

/** How far this device's clock is behind the server's, in milliseconds. */
let skew = 0;

/** The present instant by the server's clock: a hold's countdown must not trust a phone that is minutes off. */
export const now = () => Date.now() + skew;

/** @param {Response} response */
function noteClock(response) {
  const date = Date.parse(response.headers.get("date") ?? "");
  // The header has whole seconds only, so a small difference says nothing.
  if (date) skew = Math.abs(date - Date.now()) > 5000 ? date - Date.now() : 0;
}

/** @param {Record<string, unknown>} [query] */
function search(query) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") params.set(name, String(value));
  }
  const text = params.toString();
  return text ? `?${text}` : "";
}

/**
 * @param {string} method
 * @param {string} path below /api/v1
 * @param {{query?: Record<string, unknown>, body?: any, headers?: Record<string, string>, signal?: AbortSignal,
 *   keepalive?: boolean, public?: boolean, as?: string}} [options] as: a token of somebody who has not signed in
 * @returns {Promise<Response>}
 */
async function request(method, path, options = {}) {
  const raw = options.body instanceof Blob;
  const attempt = async (/** @type {string | null} */ token) => {
    /** @type {Record<string, string>} */
    const headers = { accept: "application/json", "accept-language": locale.value, ...options.headers };
    if (token && !options.public) headers.authorization = `Bearer ${token}`;
    if (options.body !== undefined) headers["content-type"] = raw ? options.body.type : "application/json";
    try {
      return await fetch(BASE + path + search(options.query), {
        method,
        headers,
        body: options.body === undefined ? undefined : raw ? options.body : JSON.stringify(options.body),
        signal: options.signal,
        keepalive: options.keepalive,
      });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw unreachable();
    }
  };
  const held = options.as ? null : accessToken();
  const token = held && !options.public && tokenLeft() < NEARLY_OVER_MS ? await renewed(held) : held;
  let response = await attempt(options.as ?? token);
  if (response.status === 401 && token && !options.public) {
    // The token was refused on the way: one fresh one, one more try.
    const fresh = await renewed(token);
    if (fresh) response = await attempt(fresh);
  }
  noteClock(response);
  if (response.ok || response.status === 304) return response;
  throw new Problem(response.status, await response.json().catch(() => null));
}

/** @param {string} token @returns {Promise<string | null>} */
async function renewed(token) {
  try {
    return await renew(token);
  } catch {
    throw unreachable();
  }
}

const unreachable = () => new Problem(0, { type: "/problems/unreachable", detail: "" });

/** @param {Response} response */
const parsed = async (response) => (/json/.test(response.headers.get("content-type") ?? "") ? response.json() : null);

/** A fresh Idempotency-Key: a retry of the same form never makes a second booking. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The calls of whoever is signed in, or of whoever has this token. @param {string} [as] */
function speak(as) {
  const send = (/** @type {string} */ method, /** @type {string} */ path, /** @type {Parameters<typeof request>[2]} */ options = {}) =>
    request(method, path, as ? { ...options, as } : options);
  return {
    /** @param {string} path @param {Record<string, unknown>} [query] @param {AbortSignal} [signal] @returns {Promise<any>} */
    get: async (path, query, signal) => parsed(await send("GET", path, { query, signal })),

    /**
     * Reads with an ETag. `data` is null when nothing changed since `etag`.
     * @param {string} path @param {Record<string, unknown>} [query] @param {string | null} [etag]
     * @returns {Promise<{data: any, etag: string | null}>}
     */
    async read(path, query, etag) {
      const response = await send("GET", path, { query, headers: etag ? { "if-none-match": etag } : {} });
      if (response.status === 304) return { data: null, etag: etag ?? null };
      return { data: await response.json(), etag: response.headers.get("etag") };
    },

    /** @param {string} path @param {any} [body] @param {{key?: string, public?: boolean}} [options] @returns {Promise<any>} */
    post: async (path, body, options = {}) =>
      parsed(
        await send("POST", path, {
          body: body ?? {},
          public: options.public,
          headers: options.key ? { "idempotency-key": options.key } : {},
        }),
      ),

    /**
     * Writes over the version that was read with an ETag, and answers the new version with its own. A Problem with
     * status 412 says that somebody else was faster.
     * @param {"PUT" | "PATCH" | "POST" | "DELETE"} method @param {string} path @param {any} body @param {string | null} etag
     * @returns {Promise<{data: any, etag: string | null}>}
     */
    async write(method, path, body, etag) {
      const response = await send(method, path, { body, headers: etag ? { "if-match": etag } : {} });
      return { data: await parsed(response), etag: response.headers.get("etag") };
    },

    /** @param {string} path @param {any} body @returns {Promise<any>} */
    put: async (path, body) => parsed(await send("PUT", path, { body })),

    /** @param {string} path @param {any} body @param {string | null} [etag] @returns {Promise<any>} */
    patch: async (path, body, etag) =>
      parsed(await send("PATCH", path, { body, headers: etag ? { "if-match": etag } : {} })),

    /** @param {string} path @param {{keepalive?: boolean}} [options] @returns {Promise<any>} */
    delete: async (path, options = {}) => parsed(await send("DELETE", path, options)),

    /** Deletes with something to say about it. @param {string} path @param {any} body @returns {Promise<any>} */
    erase: async (path, body) => parsed(await send("DELETE", path, { body })),

    /** @param {string} path @param {Record<string, unknown>} [query] @returns {Promise<Blob>} */
    blob: async (path, query) => (await send("GET", path, { query })).blob(),
  };
}

export const api = speak();

/** The same calls by the token of a link. @param {string} token */
export const apiAs = (token) => speak(token);

/** @typedef {typeof api} Api */
