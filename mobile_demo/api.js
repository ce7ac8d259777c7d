/**
 * The public HTTP API, as this page uses it.
 *
 * Every failure becomes one of three errors whose `message` is a sentence for the reader:
 * `ProblemError` (the service said no), `NetworkError` (no answer came), `CancelledError`.
 */

const READER_KEY = "print-to-pin.reader";
const CALL_TIMEOUT_MS = 20_000;
const UPLOAD_TIMEOUT_MS = 120_000;
const LARGE_PHOTO_BYTES = 25_000_000;
const PIN_RETRY_WAITS_MS = [700, 2000];
const POLL_FIRST_MS = 250;
const POLL_LONGEST_MS = 2500;
const POLL_FOR_MS = 30_000;

export class NetworkError extends Error {}
export class CancelledError extends Error {}

/** A problem document (RFC 9457), or an answer that should have been one. */
export class ProblemError extends Error {
  constructor(status, problem) {
    super(asSentence(problem?.detail || problem?.title || fallbackSentence(status)));
    this.status = status;
    this.code = problem?.code ?? "";
  }
}

/** The reader's token was revoked: a new reader stands in its place, who owns none of the old scans. */
export class ReaderReplacedError extends Error {}

/** Whether the same request may fare better later: no answer came, or one that blames the service. */
export function isWorthRepeating(error) {
  return error instanceof NetworkError || error.status === 429 || error.status >= 500;
}

/** Details begin in lower case and end without a stop, as log lines do. */
function asSentence(text) {
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(sentence) ? sentence : `${sentence}.`;
}

function fallbackSentence(status) {
  if (status === 413) return "This photo is too large for the service. Choose a smaller one.";
  if (status === 429) return "Too many photos at once. Wait a moment, then try again.";
  if (status >= 500) return "The service has trouble at the moment. Try again in a minute.";
  return "The service could not take this. Try again, or choose another photo.";
}

/** An Idempotency-Key. `crypto.randomUUID` is missing on plain-http pages, `getRandomValues` is not. */
export function newIdempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** One JSON request; resolves to the answer's body. */
async function call(method, path, { token, body, headers = {} } = {}) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), CALL_TIMEOUT_MS);
  try {
    const answer = await fetch(path, {
      method,
      signal: stop.signal,
      headers: {
        Accept: "application/json",
        ...(body && { "Content-Type": "application/json" }),
        ...(token && { Authorization: `Bearer ${token}` }),
        ...headers,
      },
      body: body && JSON.stringify(body),
    });
    if (answer.status === 204) return null;
    const content = parseJson(await answer.text());
    if (!answer.ok || content === null) throw new ProblemError(answer.status, content);
    return content;
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    throw new NetworkError("The service can't be reached. Check your connection, then try again.");
  } finally {
    clearTimeout(timer);
  }
}

/** Upload one photo. XMLHttpRequest, because fetch reports no upload progress. */
function upload(photo, token, { keep, onProgress, signal }) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw new CancelledError("Cancelled."); // While a token was being fetched.
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/scans");
    request.timeout = UPLOAD_TIMEOUT_MS;
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.upload.onload = () => onProgress(1);
    request.onload = () => {
      const content = parseJson(request.responseText);
      if (request.status === 200 && content) resolve(content);
      else reject(new ProblemError(request.status, content));
    };
    request.onerror = request.ontimeout = () => reject(new NetworkError(lostUploadSentence(photo)));
    request.onabort = () => reject(new CancelledError("Cancelled."));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    const form = new FormData();
    form.append("photo", photo, photo.name || "photo.jpg");
    if (keep) form.append("keep", "true");
    request.send(form);
  });
}

/** A server that refuses a large body may hang up in the middle, which looks like a lost network. */
function lostUploadSentence(photo) {
  if (photo.size <= LARGE_PHOTO_BYTES) return "The photo did not get through. Check your connection, then try again.";
  const megabytes = Math.round(photo.size / 1e6);
  return `The photo did not get through. It has ${megabytes} MB, which may be too much: try a smaller one.`;
}

/** What survives a reload; a browser that forbids storage keeps it for this page only. */
export function browserStorage() {
  const memory = new Map();
  return {
    get(key) {
      try {
        return localStorage.getItem(key) ?? memory.get(key) ?? null;
      } catch {
        return memory.get(key) ?? null;
      }
    },
    set(key, value) {
      memory.set(key, value);
      try {
        localStorage.setItem(key, value);
      } catch {
        // Private browsing: memory has it.
      }
    },
    remove(key) {
      memory.delete(key);
      try {
        localStorage.removeItem(key);
      } catch {
        // Nothing was kept.
      }
    },
  };
}

/** The API for the reader whose token lies in `storage`; the first call that needs one makes a reader. */
export function createApi(storage) {
  const storedToken = () => parseJson(storage.get(READER_KEY) ?? "")?.token ?? null;

  async function token() {
    const known = storedToken();
    if (known) return known;
    const reader = await call("POST", "/v1/readers", { body: {} });
    storage.set(READER_KEY, JSON.stringify({ id: reader.id, token: reader.token }));
    return reader.token;
  }

  /** Run `request(token)`; a refused token is dropped, and the request repeated as a new reader. */
  async function asReader(request) {
    try {
      return await request(await token());
    } catch (error) {
      if (error.status !== 401) throw error;
      storage.remove(READER_KEY);
      return request(await token());
    }
  }

  /** Like `asReader`, for what only the reader who made the scan may do. */
  async function asSameReader(request) {
    try {
      return await request(await token());
    } catch (error) {
      if (error.status !== 401) throw error;
      storage.remove(READER_KEY);
      throw new ReaderReplacedError("This phone had to be registered anew.");
    }
  }

  return {
    hasReader: () => storedToken() !== null,

    scan: (photo, options) => asReader((bearer) => upload(photo, bearer, options)),

    deletePhoto: (scanId) =>
      asSameReader((bearer) => call("DELETE", `/v1/scans/${scanId}/photo`, { token: bearer })),

    boards: async () => (await asReader((bearer) => call("GET", "/v1/boards", { token: bearer }))).boards,

    createBoard: (name) => asReader((bearer) => call("POST", "/v1/boards", { token: bearer, body: { name } })),

    /** Ask for a pin; an unanswered request is repeated under the same key, so it can't pin twice. */
    async pin(request, idempotencyKey) {
      const once = (bearer) =>
        call("POST", "/v1/pins", { token: bearer, body: request, headers: { "Idempotency-Key": idempotencyKey } });
      for (const pause of PIN_RETRY_WAITS_MS) {
        try {
          return await asSameReader(once);
        } catch (error) {
          if (!(error instanceof NetworkError)) throw error;
          await wait(pause);
        }
      }
      return asSameReader(once);
    },

    /** Follow a pin until it is saved or failed; after half a minute, whatever it is then. */
    async settled(pin) {
      const deadline = Date.now() + POLL_FOR_MS;
      let pause = POLL_FIRST_MS;
      while (pin.status === "pending" && Date.now() < deadline) {
        await wait(pause);
        pause = Math.min(pause * 1.6, POLL_LONGEST_MS);
        try {
          pin = await asSameReader((bearer) => call("GET", `/v1/pins/${pin.id}`, { token: bearer }));
        } catch (error) {
          if (!(error instanceof NetworkError)) throw error; // A gap in the network: ask again.
        }
      }
      return pin;
    },
  };
}
