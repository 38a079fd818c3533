// Whose conversation it is: session, identity and the conversation's id. All tabs share them, and they outlive reloads; they
// are changed under a lock, or by what the page says.

import { allTabs, failure, locked, lost, request } from "./wire.js";

const TIMEOUT_MS = 30e3;

/** `left(isFollowed)`: the conversation that was shown is over; it stays on the screen where another follows it. */
export const makeSession = ({ base, site, lang }, key, left, info) => {
  // In one word of the storage: session, who (it is for), info (the site's words) and conversation.
  let saved = allTabs.get(key) || {}, identity = null, refused;

  const save = (changes) => allTabs.set(key, (saved = { ...saved, ...changes }));
  /** What another tab may have saved meanwhile. */
  const load = () => (saved = allTabs.get(key) || saved);

  /** A word for an identity, by which the next page's fresh token of the same customer keeps the session. */
  const whoIs = (value) => {
    if (!value || typeof value === "function") return value ? "hook" : null;
    try {
      return value.identifier || JSON.parse(atob(value.token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).sub;
    } catch {
      return "?";
    }
  };
  /** A session that is for whom this page says, if it says so. */
  const has = () => saved.session && saved.session !== refused && (!identity || saved.who === whoIs(identity));

  /** An error tells for which session and conversation it came: others may be in use when it does. */
  const fetched = (path, options) => {
    const { session, conversation } = saved;
    return request(base + path, session, options).catch((error) => {
      throw Object.assign(error, { session, conversation });
    });
  };
  const call = async (path, body, once) => {
    const headers = { ...(body && { "content-type": "application/json" }), ...(once && { "idempotency-key": once }) };
    const options = { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(TIMEOUT_MS) };
    const response = await fetched(path, options);
    return response.text().then((text) => text && JSON.parse(text)).catch(lost);
  };

  const make = async () => {
    load();
    if (has()) return;
    const had = saved.conversation, asked = identity, who = whoIs(asked);
    save({ session: null, who });
    let given = asked;
    try {
      if (typeof asked === "function") given = await Promise.race([asked(), new Promise((_, late) => setTimeout(late, TIMEOUT_MS))]);
    } catch {
      throw failure(401, "identity_invalid");
    }
    const { token, identifier, identifier_hash, name } = given || {};
    const made = await call("/widget/sessions", { site, locale: lang, token, identifier, identifier_hash, name });
    if (token && identity === given) identity = null; // a token is good for once
    load();
    if (saved.who !== who) return; // signed in or out meanwhile, here or in another tab: this session is nobody's
    const conversation = made.conversation?.id || null;
    save({ session: made.session, info: made.site, conversation });
    if (had && had !== conversation) left(true);
    info();
  };
  /** A session, made at the first need; one for all tabs. */
  const ensure = async () => {
    while (!has()) await locked(key, make);
  };

  return {
    call,
    fetched,
    ensure,
    has,
    get now() {
      return saved;
    },
    path: (rest) => `/widget/conversations/${encodeURIComponent(saved.conversation)}/${rest}`,
    converse: () => locked(key, async () => {
      load();
      if (!saved.conversation) save({ conversation: (await call("/widget/conversations", {})).id });
    }),
    /** Off the conversation; the next message begins another. */
    leave: () => save({ conversation: null }),
    /** Whether the error is of a session that is not in use any more. */
    isOld: ({ session }) => session && (session === refused || session !== saved.session),
    refuse: ({ session }) => (refused = session),
    /** `value`: {token} | {identifier, identifier_hash, name}, or a function that gives one, asked for each new session. True if it is somebody else. */
    identify(value) {
      identity = value;
      const who = whoIs(value);
      if (saved.who === who) return false;
      save({ session: null, conversation: null, who });
      return true;
    },
    /** Nobody, in any tab. */
    reset() {
      identity = null;
      allTabs.set(key, (saved = {}));
    },
    /** What another tab has saved. Where that is somebody else, or nobody after a reset, this page's own word is out of date. */
    adopt() {
      const found = allTabs.get(key) || {};
      if (found.who !== null && found.who !== saved.who) identity = null;
      saved = found;
    },
  };
};
