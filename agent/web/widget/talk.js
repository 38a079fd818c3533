// One site's conversation, without a picture of it: session, history and events in, messages out. Everything is kept for all
// tabs and over reloads; whatever comes is told to `view`.

import { persistence } from "./persist.js";
import { allTabs, eventReader, failure, isLater, locked, request, uuid } from "./wire.js";

const SILENCE_MS = 45e3; // three heartbeats
const HIDDEN_MS = 10e3;
const TIMEOUT_MS = 30e3;
const ENDED = /^conversation_(missing|closed)$/;
const AGAIN_MS = 60e3; // a second session within it would not be taken either

export const makeTalk = ({ base, site, lang }, view) => {
  const key = `innkeeper:${base}|${site}`;
  // Each word on its own, since two tabs may write at once: session, who (it is for), info (the site's words) and conversation,
  // which are changed under a lock; what was seen last; and every message that is to be sent.
  const seenKey = `${key}|seen`, outKey = `${key}|out|`;
  const waiting = () => allTabs.keys(outKey).map(allTabs.get).filter(Boolean).sort((a, b) => (a.at < b.at ? -1 : 1));
  let saved = allTabs.get(key) || {}, seen = allTabs.get(seenKey), out = waiting();
  let identity = null, refused, renewed = 0, handoffKey = uuid();
  let last = "", isStale = true, isOpen = false, isAsleep = document.hidden, isOver = false, stream, hiding;

  const save = (changes) => allTabs.set(key, (saved = { ...saved, ...changes }));
  /** What another tab may have saved meanwhile. */
  const load = () => (saved = allTabs.get(key) || saved);
  const fetched = (path, options) => request(base + path, saved.session, options);
  const call = async (path, body, once) => {
    const headers = { ...(body && { "content-type": "application/json" }), ...(once && { "idempotency-key": once }) };
    const options = { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout?.(TIMEOUT_MS) };
    const response = await fetched(path, options);
    const text = await response.text().catch(() => Promise.reject(failure(0)));
    return text ? JSON.parse(text) : null;
  };
  const path = (rest) => `/widget/conversations/${encodeURIComponent(saved.conversation)}/${rest}`;

  // ---- What goes wrong

  const judge = (error, fails) => {
    const { status, code, wait } = error;
    if (status === 401 && code !== "identity_invalid" && Date.now() - renewed > AGAIN_MS) {
      renewed = Date.now();
      refused = saved.session;
      return "now";
    }
    if (ENDED.test(code) && saved.conversation) {
      end();
      return "now";
    }
    if (status === 429) {
      const ms = wait || 5000;
      view.trouble("limited", { n: Math.ceil(ms / 1000) });
      return ms;
    }
    if (status === 0 || status === 408 || status >= 500) {
      if (fails || !navigator.onLine) view.trouble("lost");
      return wait;
    }
    view.trouble(code === "identity_invalid" ? "identity" : status === 401 || status === 403 ? "refused" : "error");
    if (!status) throw error; // a mistake of ours is not hidden
    return "stop";
  };
  const { keep, wake, slow } = persistence(() => !isOver, judge);

  /** A thing that the customer has just asked for: once more with a new session, else told. */
  const attempt = async (work) => {
    for (let isLast = false; ; isLast = true) {
      try {
        await work();
        return true;
      } catch (error) {
        if (!isLast && error.status === 401) {
          refused = saved.session;
          continue;
        }
        if (!isLast && ENDED.test(error.code)) {
          end();
          continue;
        }
        if (error.status === 429 && error.wait) view.alert("limited", { n: error.wait / 1000 });
        else view.alert(error.status === 0 ? "lost" : "error");
        if (error.status === undefined) throw error;
        return false;
      }
    }
  };

  // ---- Session and conversation

  const hasSession = () => saved.session && saved.session !== refused;
  /** A session, made at the first need; one for all tabs. */
  const ensureSession = async () => hasSession() ||
    locked(key, async () => {
      load();
      if (hasSession()) return;
      const had = saved.conversation, asked = identity;
      let given = asked;
      try {
        if (typeof asked === "function") given = await asked();
      } catch {
        throw failure(401, "identity_invalid");
      }
      const { token, identifier, identifier_hash, name } = given || {};
      saved.session = null;
      const made = await call("/widget/sessions", { site, locale: lang, token, identifier, identifier_hash, name });
      if (token && identity === given) identity = null; // a token is good for once
      const conversation = made.conversation?.id || null;
      save({ session: made.session, who: whoIs(asked), info: made.site, conversation });
      if (had && had !== conversation) left(true);
      view.info();
      if (identity && identity !== asked) identify(identity); // given meanwhile
    });
  const ensureConversation = async () => {
    await ensureSession();
    if (saved.conversation) return;
    await locked(key, async () => {
      load();
      if (!saved.conversation) save({ conversation: (await call("/widget/conversations", {})).id });
    });
    go();
  };
  /** A word for an identity, by which the next page's fresh token of the same customer keeps the session. */
  const whoIs = (value) => {
    if (!value || typeof value === "function") return value ? "hook" : null;
    try {
      return value.identifier || JSON.parse(atob(value.token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).sub;
    } catch {
      return "?";
    }
  };
  /** `value`: {token} | {identifier, identifier_hash, name}, or a function that gives one, asked for each new session. */
  const identify = (value) => {
    identity = value;
    if (!saved.session || saved.who === whoIs(value)) return;
    save({ session: null, conversation: null });
    left(), go();
  };
  /** Off the conversation that was shown; what is on the screen stays there where another follows it. */
  const left = (isFollowed) => {
    stream?.abort();
    (isStale = true), (last = "");
    view.left(isFollowed);
  };
  const end = () => {
    save({ conversation: null });
    left(true);
  };

  // ---- In

  /* Each tab that is looked at has its own stream; a hidden one closes it and catches up later. With one stream shared by
     all tabs, a leader that a phone has put to sleep would keep its lock and leave the others without news. And tabs that
     nobody sees never use up a browser's six connections to a host. */
  const follow = async (ok) => {
    if (isAsleep || !(isOpen || (saved.conversation && hasSession()))) return;
    await ensureSession();
    if (!saved.conversation) return fine(ok);
    if (isStale) await loadHistory();
    if (isStale) return; // the customer has gone on to another one meanwhile
    const mine = (stream = new AbortController());
    let watch, isCut = false;
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => mine.abort((isCut = true)), SILENCE_MS);
    };
    try {
      alive();
      const headers = { accept: "text/event-stream", ...(last && { "last-event-id": last }) };
      const response = await fetched(path("events"), { headers, signal: mine.signal });
      if (response.status === 204) return;
      fine(ok);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader(), read = eventReader(slow);
      for (let step; !(step = await reader.read().catch(() => Promise.reject(failure(0)))).done; ) {
        alive();
        for (const event of read(step.value)) await take(event).catch(shown);
      }
      throw failure(0);
    } catch (error) {
      if (!mine.signal.aborted || isCut) throw error;
    } finally {
      clearTimeout(watch);
      mine.abort();
    }
  };
  /** One event that can't be shown stops nothing, but is not hidden from who looks after the page. */
  const shown = (error) => {
    if (error.status !== undefined) throw error;
    reportError(error);
  };
  const loadHistory = async () => {
    const { conversation } = saved, { messages, last_event_id, state } = await call(path("messages"));
    if (conversation !== saved.conversation) return;
    isStale = false;
    last = last_event_id || "";
    messages.forEach((message) => sent(message.client_id));
    view.history(messages, state || {});
  };
  const take = async ({ type, id, data }) => {
    if (id && !isLater(id, last)) return; // told twice
    if (id) last = id;
    let value;
    try {
      value = JSON.parse(data);
    } catch {
      type = "resync"; // unreadable: ask for the whole
    }
    if (type === "resync") await loadHistory();
    else if (/^message.(created|completed)$/.test(type)) {
      sent(value.client_id);
      view.message(value);
    } else if (type === "message.delta") view.delta(value);
    else if (type === "message.feedback") view.rated(value.id, value.value);
    else if (type === "progress") view.progress(value.stage);
    else if (/^(handoff|conversation)\./.test(type)) view.state(value, true);
    else if (type === "error") {
      view.progress();
      view.alert("error");
    }
  };
  const fine = (ok) => {
    ok();
    view.trouble();
  };

  // ---- Out

  const sent = (id) => {
    out = out.filter((item) => item.key !== id);
    allTabs.set(outKey + id, null);
  };
  /** In the order they were written; the key lets the server drop what it already has, whichever tab sent it. */
  const flush = async (ok) => {
    for (let item; (item = out[0]); fine(ok)) {
      try {
        await ensureConversation();
        view.queued(item, "sending");
        await call(path("messages"), { text: item.text }, item.key);
        // Its place is where the stream tells of it, which may have been sooner.
        if (out.some(({ key }) => key === item.key)) view.queued(item, "sent");
        sent(item.key);
      } catch (error) {
        const isRefused = error.status === 413 || error.status === 422;
        out.forEach((one) => view.queued(one, isRefused && one.key === item.key ? "failed" : "waiting"));
        if (!isRefused) throw error;
        sent(item.key);
      }
    }
  };

  /** Whatever there is to do now. */
  const go = () => {
    if (isOpen || saved.conversation) keep("follow", follow);
    if (out.length) keep("flush", flush);
  };
  const sleep = () => {
    isAsleep = true;
    stream?.abort();
  };
  const look = () => {
    clearTimeout(hiding);
    if (document.hidden) return (hiding = setTimeout(sleep, HIDDEN_MS));
    isAsleep = false;
    view.shared(), wake(), go();
  };
  const adopt = ({ key: changed }) => {
    if (changed !== null && !changed.startsWith(key)) return;
    const { conversation } = saved;
    (saved = allTabs.get(key) || {}), (seen = allTabs.get(seenKey)), (out = waiting());
    if (conversation !== saved.conversation) left(), go();
    view.shared();
  };

  const listeners = [
    [window, "storage", adopt],
    [window, "online", () => (view.trouble(), wake(), go())],
    [window, "offline", () => view.trouble()],
    [window, "pagehide", sleep],
    [window, "pageshow", look],
    [document, "visibilitychange", look],
  ];
  listeners.forEach(([target, name, what]) => target.addEventListener(name, what));

  return {
    key,
    get info() {
      return saved.info || {};
    },
    get seen() {
      return seen;
    },
    set seen(id) {
      allTabs.set(seenKey, (seen = id));
    },
    queue: () => out,
    go,
    open(isNow) {
      isOpen = isNow;
      go();
    },
    send(text) {
      const item = { key: uuid(), text, at: new Date().toISOString() };
      out = [...out, item];
      allTabs.set(outKey + item.key, item);
      view.queued(item, "waiting");
      wake(), go();
    },
    handoff: (email) =>
      attempt(async () => {
        await ensureConversation();
        await call(path("handoff"), email ? { email } : {}, handoffKey);
        handoffKey = uuid();
      }),
    rate: (id, value, reason) => attempt(async () => {
      await ensureSession();
      await call(path(`messages/${encodeURIComponent(id)}/feedback`), { value, reason: reason || null });
    }),
    identify,
    reset() {
      (saved = {}), (identity = null);
      allTabs.set(key, null);
      out.forEach((item) => sent(item.key));
      left(), go();
    },
    /** After "stop": once more from the beginning. */
    retry() {
      renewed = 0;
      view.trouble();
      go();
    },
    /** Leaves a conversation that was closed; the next message begins another. */
    again() {
      save({ conversation: null });
      left(), go();
    },
    close() {
      isOver = true;
      stream?.abort();
      listeners.forEach(([target, name, what]) => target.removeEventListener(name, what));
    },
  };
};
