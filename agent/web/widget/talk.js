// One site's conversation, without a picture of it: history and events in, messages out. Everything is kept for all tabs and
// over reloads; whatever comes is told to `view`.

import { persistence } from "./persist.js";
import { makeSession } from "./session.js";
import { allTabs, eventReader, isLater, lost, uuid } from "./wire.js";

const SILENCE_MS = 45e3; // three heartbeats
const HIDDEN_MS = 10e3;
const ENDED = /^conversation_(missing|closed)$/;
const AGAIN_MS = 60e3; // a second session within it would not be taken either

export const makeTalk = (site, view) => {
  const key = `innkeeper:${site.base}|${site.site}`;
  // Each word on its own, since two tabs may write at once: the session (see there); what was seen last; and every message
  // that is to be sent.
  const seenKey = `${key}|seen`, outKey = `${key}|out|`;
  const waiting = () => allTabs.keys(outKey).map(allTabs.get).filter(Boolean).sort((a, b) => (a.at < b.at ? -1 : 1));
  let seen = allTabs.get(seenKey), out = waiting(), renewed = 0, handoffKey = uuid();
  let last = "", isStale = true, isOpen = false, isAsleep = document.hidden, stream, hiding;
  const over = new AbortController(), { signal } = over;

  /** Off the conversation that was shown; what is on the screen stays there where another follows it. */
  const left = (isFollowed) => {
    stream?.abort();
    (isStale = true), (last = "");
    view.left(isFollowed);
  };
  const session = makeSession(site, key, left, view.info), { call, path } = session;
  /** A conversation that the server has ended; unless another is in use already. */
  const end = ({ conversation }) => {
    if (conversation !== session.now.conversation) return;
    session.leave();
    left(true);
  };
  const converse = async () => {
    await session.ensure();
    if (session.now.conversation) return;
    await session.converse();
    go();
  };

  // ---- What goes wrong

  const judge = (error, fails) => {
    const { status, code, wait } = error;
    if (status === 401 && session.isOld(error)) return "now";
    if (status === 401 && code !== "identity_invalid" && Date.now() - renewed > AGAIN_MS) {
      renewed = Date.now();
      session.refuse(error);
      return "now";
    }
    if (ENDED.test(code) && error.conversation) {
      end(error);
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
  const { keep, wake } = persistence(signal, judge);

  /** A thing that the customer has just asked for: once more with a new session, else told. */
  const attempt = async (work) => {
    for (let isLast = false; ; isLast = true) {
      try {
        await work();
        return true;
      } catch (error) {
        const { status, code } = error;
        if (!isLast && (status === 401 || ENDED.test(code))) {
          status === 401 ? session.refuse(error) : end(error);
          continue;
        }
        view.alert("error");
        if (status === undefined) throw error;
        return false;
      }
    }
  };

  // ---- In

  /* Each tab that is looked at has its own stream; a hidden one closes it and catches up later. With one stream shared by
     all tabs, a leader that a phone has put to sleep would keep its lock and leave the others without news. And tabs that
     nobody sees never use up a browser's six connections to a host. */
  const follow = async (ok) => {
    if (isAsleep || !(isOpen || (session.now.conversation && session.has()))) return;
    await session.ensure();
    if (!session.now.conversation) return fine(ok);
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
      const response = await session.fetched(path("events"), { headers: last && { "last-event-id": last }, signal: mine.signal });
      if (response.status === 204) return;
      fine(ok);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader(), read = eventReader();
      for (let step; !(step = await reader.read().catch(lost)).done; ) {
        alive();
        for (const event of read(step.value)) await take(event).catch(shown);
      }
      lost();
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
    const { conversation } = session.now, { messages, last_event_id, state } = await call(path("messages"));
    if (conversation !== session.now.conversation) return;
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
    if (type === "resync") {
      isStale = true; // until it is there: a try may fail
      await loadHistory();
    } else if (/^message.(created|completed)$/.test(type)) {
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
    wake(); // what else waits may go through, too
    view.trouble();
  };

  // ---- Out

  const sent = (id) => {
    out = out.filter((item) => item.key !== id);
    allTabs.set(outKey + id, null);
  };
  const drop = () => out.forEach((item) => sent(item.key));
  /** In the order they were written; the key lets the server drop what it already has, whichever tab sent it. */
  const flush = async (ok) => {
    for (let item; (item = out[0]); fine(ok)) {
      await converse();
      try {
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
    wake();
    if (isOpen || session.now.conversation) keep("follow", follow);
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
    view.shared(), go();
  };
  const adopt = ({ key: changed }) => {
    if (changed !== null && !changed.startsWith(key)) return;
    const { conversation } = session.now;
    session.adopt(), (seen = allTabs.get(seenKey)), (out = waiting());
    if (conversation !== session.now.conversation) left(), go();
    keep("follow", follow); // there may be a session now
    view.shared();
  };

  const listeners = [
    [window, "storage", adopt],
    [window, "online", () => (view.trouble(), go())],
    [window, "offline", () => view.trouble()],
    [window, "pagehide", sleep],
    [window, "pageshow", look],
    [document, "visibilitychange", look],
  ];
  listeners.forEach(([target, name, what]) => target.addEventListener(name, what, { signal }));

  return {
    key,
    get info() {
      return session.now.info || {};
    },
    seen: () => seen,
    see: (id) => allTabs.set(seenKey, (seen = id)),
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
      go();
    },
    handoff: (email) =>
      attempt(async () => {
        await converse();
        await call(path("handoff"), email ? { email } : {}, handoffKey);
        handoffKey = uuid();
      }),
    rate: (id, value, reason) => attempt(async () => {
      await session.ensure();
      await call(path(`messages/${encodeURIComponent(id)}/feedback`), { value, reason: reason || null });
    }),
    identify(value) {
      const { who } = session.now;
      if (session.identify(value)) {
        if (who) drop(); // one customer's words are not said in another's name
        left();
      }
      go();
    },
    reset() {
      session.reset();
      drop(), left(), go();
    },
    /** After "stop": once more from the beginning. */
    retry() {
      renewed = 0;
      view.trouble();
      go();
    },
    /** Leaves a conversation that was closed; the next message begins another. */
    again() {
      session.leave();
      left(), go();
    },
    close() {
      over.abort(), stream?.abort();
    },
  };
};
