// The launcher and the panel: what the customer sees of a conversation, and does with it.

import { askForm } from "./ask.js";
import { bubble, extend, KINDS, showRating } from "./bubble.js";
import { button, h, icon, link, safeUrl } from "./dom.js";
import { makeScreen } from "./screen.js";
import { makeTalk } from "./talk.js";
import { thisTab } from "./wire.js";

const STAGES = ["received", "searching", "writing", "checking"];
const HANDOFF = "__handoff__";
const LONGEST = 4000; // characters of a message
const QUIET_MS = 2e3; // a stage that is over sooner is not read out
const LOST_MS = 180e3; // whoever told of a stage this long ago has died
const FRESH_MS = 60e3;

/** Fills `host`'s shadow root. `fire(name, detail)` tells the page. */
export const makeView = (host, { base, site, words, fire, identity }) => {
  const { say, lang } = words;
  const messages = new Map(), pending = new Map(), live = new Map(); // by id, by key, by id: {message, node}, node, {next, node, isRead}
  let past = [], state = {}, isOpen = false, isAtEnd = true, sayTimer, workTimer;

  // ---- The parts

  const face = h("span"), badge = h("span.badge", { "aria-hidden": true, hidden: true });
  const launcher = button("launcher at", () => (isOpen ? close() : open()), { "aria-controls": "panel" }, face, badge);
  const text = h("textarea", { id: "text", rows: 1, maxlength: LONGEST, enterkeyhint: "send", autocomplete: "off",
    oninput: () => typed(), onkeydown: (event) => typing(event) });
  const count = h("span"), send = button("send", () => submit(), { "aria-label": say("send") }, icon("send"));
  const mark = h("span.mark"), title = h("bdi"), under = h("p"), heading = h("h2", { id: "title", tabindex: -1 }, title);
  const about = h("div.about"), start = h("div.start");
  const log = h("div.log", { role: "log", "aria-live": "polite", "aria-relevant": "additions", "aria-label": say("log") });
  const growing = h("div.log");
  const stage = h("span"), work = h("div.work", { "aria-hidden": true, hidden: true }, h("span.dots", null, h("i"), h("i"), h("i")), stage);
  const quick = h("div.quick picks", { role: "group", "aria-label": say("replies"), hidden: true });
  const scroll = h("div.scroll", { tabindex: 0, role: "region", "aria-label": say("log"), onscroll: () => scrolled() },
    about, start, log, growing, work, quick);
  const jump = button("jump", () => (toEnd(), text.focus()), { hidden: true }, icon("down"), say("newest"));
  const region = (role, css = "") => h(`div.${css}`, { role });
  const trouble = region("status"), alert = region("alert"), strip = region("status"), said = region("status", "sr"), news = region("status", "sr");
  const box = h("div.box", null, h("div.in", null, h("label", { for: "text" }, say("message"), count), text), send);
  const person = button("", () => ask(), null, icon("person"), say("handoff")), privacy = h("span");
  const links = h("div.links", null, person, privacy), form = h("div");
  const panel = h("section.panel at", { id: "panel", role: "dialog", "aria-labelledby": "title", hidden: true },
    h("header", { role: "none" }, mark, h("div", null, heading, under), button("icon", () => close(), { "aria-label": say("close") }, icon("close"))),
    scroll,
    h("div.foot", null, jump, trouble, alert, strip, form, box, links));
  const stop = (event) => event.stopPropagation(); // the page's own shortcuts don't hear what is typed here
  const root = h("div.root", { lang, dir: lang === "ar" ? "rtl" : "ltr", onkeydown: (event) => pressed(event), onkeyup: stop, onkeypress: stop },
    panel, launcher, said, news);
  host.shadowRoot.replaceChildren(root);

  const note = (css, glyph, ...children) => h(`div.note ${css}`, null, icon(glyph), h("div", { dir: "auto" }, ...children));
  /** Puts nodes where they are not yet, so that nothing is read out twice. */
  const fill = (place, ...nodes) => {
    const told = nodes.map((node) => node.textContent).join("");
    if (place.textContent !== told) place.replaceChildren(...nodes);
  };

  // ---- What the conversation tells (see talk.js)

  const talk = makeTalk({ base, site, lang }, {
    info: () => welcome(),
    shared() {
      talk.queue().forEach((item) => queued(item, "waiting"));
      unread();
    },
    left(isFollowed) {
      const old = [...log.children].filter((node) => ![...pending.values()].includes(node));
      old.forEach((node) => node.querySelector(".acts")?.remove());
      past = isFollowed && old.length ? [...old, draw({ role: "system", text: say("expired") })] : [];
      form.replaceChildren();
      history([], {});
    },
    history,
    queued,
    message(message) {
      const grown = live.get(message.id);
      if (live.delete(message.id)) growing.replaceChildren();
      const isKnown = messages.has(message.id) || pending.has(message.client_id);
      put(message);
      if (message.role !== "customer") progress();
      refresh();
      if (isKnown) return;
      fire("message", { id: message.id, role: message.role });
      if (isAtEnd) follow(messages.get(message.id).node);
      else if (message.role !== "customer" && !grown?.isRead) jump.hidden = false;
    },
    /** A verified sentence; it grows outside the log, which reads out the whole once. */
    delta({ id, seq, tree }) {
      if (messages.has(id)) return;
      if (!live.has(id) && seq === 0) {
        live.set(id, { next: 0, node: draw({ role: "assistant", tree: [] }, null, true) });
        growing.append(live.get(id).node);
      }
      const one = live.get(id);
      if (!one || one.next !== seq) return; // told twice, or after one that was missed: the whole comes soon
      one.next++;
      extend(one.node, tree);
      refresh();
      if (isAtEnd) follow(one.node), (one.isRead = true);
    },
    progress: (name) => progress(name),
    state: become,
    rated: (id, value) => rated(id, value),
    trouble: hinder,
    alert: (key, values) => alert.replaceChildren(note("bad", "alert", say(key, values))),
  });

  function history(list, now) {
    log.setAttribute("aria-live", "off"); // a long history is not read out
    messages.clear(), pending.clear(), live.clear();
    growing.replaceChildren();
    log.replaceChildren(...past);
    list.forEach(put);
    talk.queue().forEach((item) => queued(item, "waiting"));
    become(now);
    const newest = list.at(-1);
    progress(newest?.role === "customer" && !now.person && Date.now() - Date.parse(newest.at) < FRESH_MS && "received");
    if (isAtEnd) toEnd();
    setTimeout(() => log.setAttribute("aria-live", "polite"), 500);
  }
  function queued(item, how) {
    const old = pending.get(item.key);
    if (old?.dataset.how === how) return;
    const node = draw({ ...item, role: "customer" }, how);
    node.dataset.how = how;
    old ? old.replaceWith(node) : log.append(node);
    pending.set(item.key, node);
    if (how === "failed") said.textContent = say(how);
    refresh();
  }
  const draw = (message, how, isLive) => bubble(words, message, { rate, edit }, how, isLive);
  const edit = (message) => {
    pending.get(message.key).remove();
    pending.delete(message.key);
    said.textContent = "";
    text.value = message.text;
    typed();
    text.focus();
  };
  /** A message in its place: where its waiting or former self is, or as the newest before what still waits. */
  function put(message) {
    const waiting = pending.get(message.client_id), known = messages.get(message.id), old = known?.node || waiting;
    pending.delete(message.client_id);
    if (JSON.stringify(known?.message) === JSON.stringify(message)) return;
    const node = draw(message);
    old ? old.replaceWith(node) : log.insertBefore(node, pending.values().next().value || null);
    messages.set(message.id, { message, node });
  }
  /** What the turn really does now. */
  function progress(name) {
    const told = STAGES.includes(name) ? say(name) : "";
    clearTimeout(sayTimer), clearTimeout(workTimer);
    work.hidden = !told;
    stage.textContent = told;
    if (told) {
      sayTimer = setTimeout(() => (said.textContent = told), QUIET_MS);
      workTimer = setTimeout(progress, LOST_MS);
    }
    refresh();
    if (told && isAtEnd) toEnd();
  }
  function become(now, isNews) {
    const isNew = isNews && now.person && now.person !== state.person;
    state = now;
    if (isNew) fire("handoff", { person: now.person });
    if (isNews && now.person) progress();
    const { closed, note: words, person_name: name } = now;
    const head = closed ? say("closed") : now.person === "joined" ? say("joined", { name: name || say("person") }) : now.person && say("requested");
    fill(strip, ...(head ? [note("", "person", h("b", null, head), words, closed && button("", () => (talk.again(), text.focus()), null, say("again")))] : []));
    const hadFocus = closed && host.shadowRoot.activeElement;
    if (now.person || closed) form.replaceChildren();
    refresh();
    if (hadFocus) strip.querySelector("button").focus(); // the box that it was in is gone
  }
  /** What hinders the chat now; nothing but what the browser itself knows where there is no `key`. */
  function hinder(key, values) {
    if (!navigator.onLine && (!key || key === "lost")) key = "offline";
    const isFinal = ["refused", "identity", "error"].includes(key);
    fill(trouble, ...(key ? [note(isFinal && "bad", "alert", say(key, values), isFinal && " ", isFinal && button("", () => (talk.retry(), text.focus()), null, say("retry")))] : []));
  }

  // ---- What the customer does

  function open() {
    if (isOpen) return;
    isOpen = true;
    show();
    // Focus follows only what the customer did; on a touch screen the keyboard would cover the conversation.
    const { userActivation } = navigator;
    if (!userActivation || userActivation.isActive) (matchMedia("(pointer:coarse)").matches || box.hidden ? heading : text).focus();
    fire("open");
    toEnd();
    talk.open(true);
  }
  function close() {
    if (!isOpen) return;
    const hadFocus = host.shadowRoot.activeElement;
    isOpen = false;
    show();
    if (hadFocus) launcher.focus();
    fire("close");
    talk.open(false);
  }
  const isAllowed = () => !state.person && !state.closed;
  function ask() {
    if (!isAllowed()) return;
    const done = () => {
      form.replaceChildren();
      refresh();
      (person.hidden ? text : person).focus();
    };
    form.replaceChildren(askForm(words, talk.info.person?.note, async (email) => {
      alert.replaceChildren();
      if (!(await talk.handoff(email))) return;
      if (isAllowed()) become({ ...state, person: "requested" }, true);
      done();
    }, done));
    refresh();
    form.querySelector("h3").focus();
  }
  async function rate(id, value, reason) {
    const was = messages.get(id).message.feedback;
    alert.replaceChildren();
    rated(id, value, reason, true);
    if (!(await talk.rate(id, value, reason))) rated(id, was);
    else if (value === "up" || reason) said.textContent = say("thanks");
  }
  function rated(id, value, reason, isMine) {
    const known = messages.get(id);
    if (!known || (!isMine && known.message.feedback === value)) return;
    known.message.feedback = value;
    showRating(known.node, value, reason, isMine);
  }
  function submit() {
    const value = text.value.trim();
    if (value) post(value);
    text.value = "";
    typed();
    text.focus();
  }
  function post(value) {
    alert.replaceChildren();
    talk.send(value);
    toEnd();
  }
  function typed() {
    const { length } = text.value;
    send.setAttribute("aria-disabled", !text.value.trim());
    text.dir = length ? "auto" : ""; // empty, it begins where the language does
    count.textContent = length > 0.8 * LONGEST ? ` ${length}/${LONGEST}` : "";
    for (text.rows = 1; text.rows < 6 && text.scrollHeight > text.clientHeight + 2; ) text.rows++;
    remember({ draft: text.value });
  }
  function typing(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return; // 229: Safari's last Enter of an IME
    event.preventDefault();
    submit();
  }
  function pressed(event) {
    stop(event);
    if (event.key === "Escape" && !event.isComposing && isOpen) {
      event.preventDefault();
      const inner = host.shadowRoot.activeElement?.closest(".card,.ask");
      inner ? inner.querySelector(".icon,.less").click() : close();
    } else if (event.key === "Tab") screen.trap(event, host.shadowRoot.activeElement);
  }

  // ---- What follows from it all

  const screen = makeScreen(host, panel, launcher, () => isOpen);
  const remember = (what) => thisTab.set(talk.key, { ...thisTab.get(talk.key), ...what });
  function show() {
    panel.hidden = !isOpen;
    root.classList.toggle("on", isOpen);
    launcher.setAttribute("aria-expanded", isOpen);
    face.replaceChildren(icon(isOpen ? "down" : "chat"));
    remember({ open: isOpen });
    screen.fit();
    unread();
  }
  function refresh() {
    welcome();
    const newest = [...messages.values()].at(-1)?.message, isBusy = pending.size || live.size || !work.hidden || !isAllowed();
    const replies = (newest && KINDS[newest.role] !== "me" && !isBusy && newest.quick_replies) || [];
    quick.hidden = !replies.length;
    quick.replaceChildren(...picks(replies));
    person.hidden = !isAllowed();
    box.hidden = state.closed || form.firstChild;
    links.hidden = form.firstChild;
    unread();
  }
  const picks = (list) => list.map(({ label, value }) => button("pick", () => {
    if (value === HANDOFF) return ask();
    text.focus();
    post(value);
  }, null, h("bdi", null, label || (value === HANDOFF ? say("handoff") : value))));
  /** The site's words: its name, the disclosure, and before the first message the greeting. */
  function welcome() {
    const { name, disclosure, greeting, suggestions = [], privacy_url } = talk.info, url = safeUrl(privacy_url);
    const human = state.person === "joined" && [state.person_name, say("person")].filter(Boolean).join(" · ");
    title.textContent = name || say("title");
    under.textContent = human || say("ai");
    mark.replaceChildren(icon(human ? "person" : "spark"));
    fill(about, icon("spark"), h("p", { dir: "auto" }, disclosure || say("disclosure")));
    fill(privacy, ...(url ? [link(url, say("privacy"))] : []));
    start.hidden = log.firstChild;
    const group = h("div.picks", { role: "group", "aria-label": say("replies") }, picks(suggestions.map((value) => ({ value }))));
    fill(start, h("h3", { dir: "auto" }, greeting || say("hello")), group);
  }
  /** What came since the customer last looked; all tabs know when that was. */
  function unread() {
    const ids = [...messages.values()].flatMap(({ message: { id, role } }) => (KINDS[role] === "me" ? [] : id)), newest = ids.at(-1);
    if (isOpen && !document.hidden && newest && talk.seen !== newest) talk.seen = newest;
    const n = isOpen ? 0 : ids.length - 1 - ids.indexOf(talk.seen), told = n ? say("unread", { n }) : "";
    badge.hidden = !n;
    badge.textContent = n;
    launcher.setAttribute("aria-label", isOpen ? say("close") : [say("open"), told].filter(Boolean).join(". "));
    if (news.textContent !== told) news.textContent = told;
  }

  // ---- Scrolling: to the end while the customer is there; a long answer from its beginning

  function scrolled() {
    isAtEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
    if (isAtEnd) jump.hidden = true;
  }
  const resized = new ResizeObserver(() => isAtEnd && toEnd()); // what stands below has grown or shrunk
  resized.observe(scroll);
  function toEnd() {
    scroll.scrollTop = scroll.scrollHeight;
    scrolled();
  }
  function follow(node) {
    scroll.scrollTop += node.getBoundingClientRect().top - scroll.getBoundingClientRect().top - 12; // no further than to the end
    scrolled();
  }

  const was = thisTab.get(talk.key) || {};
  text.value = was.draft || "";
  talk.queue().forEach((item) => queued(item, "waiting"));
  hinder(), typed(), show(), refresh();
  if (identity) talk.identify(identity);
  // Opened by the page itself: never over a phone's whole screen, and without taking the focus.
  if ((host.hasAttribute("open") || was.open) && !screen.isSmall()) open();
  talk.go();

  return {
    open,
    close,
    fit: screen.fit,
    identify: talk.identify,
    reset: talk.reset,
    remove() {
      talk.close(), screen.close();
    },
  };
};
