// What the conversation stands on: requests, server-sent events, what the browser keeps.

/** A request that failed, by its HTTP status; 0: no whole answer came. `wait`: ms that the server asks for, or 0. */
export const failure = (status, code, wait = 0) => Object.assign(new Error(code || `status ${status}`), { status, code, wait });

export const request = async (url, session, options) => {
  const headers = { ...options.headers, ...(session && { authorization: `Bearer ${session}` }) };
  let response;
  try {
    response = await fetch(url, { credentials: "omit", cache: "no-store", ...options, headers });
  } catch {
    throw failure(0);
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  throw failure(response.status, body?.error?.code, 1000 * Number(response.headers.get("retry-after")) || 0);
};

/**
 * A reader of server-sent events (WHATWG HTML, 9.2.6) that takes text in any pieces and gives the events that are whole.
 * EventSource can't send the bearer header.
 */
export const eventReader = (onRetry) => {
  let rest = "", type = "", data = [], id;
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/); // a CR at the very end may be half of a CRLF
    const events = [];
    rest = lines.pop();
    for (const line of lines) {
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (field === "data") data.push(value);
      else if (field === "event") type = value;
      else if (field === "id") id = value;
      else if (field === "retry" && +value) onRetry(+value);
      if (line) continue;
      if (data.length) events.push({ type, id, data: data.join("\n") });
      (type = ""), (data = []);
    }
    return events;
  };
};

/** Whether one Redis stream id comes after another. What can't be compared does. */
export const isLater = (id, last) => {
  const [a, b, c, d] = `${id}-${last}`.split("-").map(Number);
  return !(a < c || (a === c && b <= d));
};

/** JSON in a storage that the browser may refuse. */
const shelf = (area) => ({
  /** The keys that begin so. */
  keys(start) {
    try {
      return Object.keys(area()).filter((key) => key.startsWith(start));
    } catch {
      return [];
    }
  },
  get(key) {
    try {
      return JSON.parse(area().getItem(key));
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      value != null ? area().setItem(key, JSON.stringify(value)) : area().removeItem(key);
    } catch {
      // in memory only, then
    }
  },
});
export const allTabs = shelf(() => localStorage);
export const thisTab = shelf(() => sessionStorage);

/**
 * One tab at a time, where the browser can (it can't on plain http). The lock is held a moment longer than the work: what
 * one tab writes into the storage is not there for another one at once.
 */
export const locked = (name, work) =>
  new Promise((done, failed) => {
    const run = () => work().then(done, failed);
    if (navigator.locks) navigator.locks.request(name, () => run().then(() => new Promise((free) => setTimeout(free, 100))));
    else run();
  });

/** RFC 9562, version 4: crypto.randomUUID isn't there on plain http. */
export const uuid = () =>
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (c) => (c ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (c / 4)))).toString(16));
