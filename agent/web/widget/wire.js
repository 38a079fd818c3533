// What the conversation stands on: requests, server-sent events, what the browser keeps.

const LONGEST_MS = 36e5; // of a pause; and a timer of more than 24 days goes off at once

/** A request that failed, by its HTTP status; 0: no whole answer came. `wait`: ms that the server asks for, or 0. */
export const failure = (status, code, wait = 0) => Object.assign(new Error(code || `status ${status}`), { status, code, wait });
export const lost = () => {
  throw failure(0);
};

export const request = async (url, session, options) => {
  const headers = { ...options.headers, ...(session && { authorization: `Bearer ${session}` }) };
  const response = await fetch(url, { credentials: "omit", cache: "no-store", ...options, headers }).catch(lost);
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  throw failure(response.status, body?.error?.code, Math.min(1000 * Number(response.headers.get("retry-after")) || 0, LONGEST_MS));
};

/**
 * A reader of server-sent events (WHATWG HTML, 9.2.6) that takes text in any pieces and gives the events that are whole.
 * EventSource can't send the bearer header.
 */
export const eventReader = () => {
  let rest = "", type = "", data = [], id;
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/); // a CR at the very end may be half of a CRLF
    const events = [];
    rest = lines.pop();
    for (const line of lines) {
      const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (field === "data") data.push(value);
      else if (field === "event") type = value;
      else if (field === "id") id = value;
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
    if (navigator.locks) navigator.locks.request(name, () => run().then(() => new Promise((free) => setTimeout(free, 100)))).catch(run); // no storage, no locks
    else run();
  });

/** 128 random bits. crypto.randomUUID isn't there on plain http. */
export const uuid = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
