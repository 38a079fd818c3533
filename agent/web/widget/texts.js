// The widget's own words. English is here; the other languages have the same keys, in ../locales.

const LOCALES = ["de", "es", "fr", "id", "pt", "zh", "ar"];

const ENGLISH = {
  title: "Chat",
  open: "Open chat",
  close: "Close",
  unread: "Unread messages: {n}",
  log: "Conversation",
  newest: "New messages",
  ai: "AI assistant",
  person: "Person",
  you: "You",
  disclosure: "You are chatting with an AI assistant. You can ask for a person at any time.",
  privacy: "Privacy",
  hello: "Hello! How can we help?",
  replies: "Suggested replies",
  message: "Your message",
  send: "Send",
  received: "Message received",
  searching: "Searching the help centre",
  writing: "Writing an answer",
  checking: "Checking the answer",
  sending: "Sending",
  waiting: "Waiting to be sent",
  failed: "Not sent: this message is too long.",
  edit: "Edit",
  retry: "Try again",
  offline: "You are offline. Messages are sent as soon as you are back.",
  lost: "The connection is lost. Trying again …",
  limited: "Too many messages at once. Trying again in {n} seconds.",
  refused: "The chat is not available here.",
  identity: "You could not be signed in. Please reload the page.",
  expired: "The earlier conversation has ended. A new one begins here.",
  error: "Something went wrong. Please try again.",
  handoff: "Talk to a person",
  handoff_text: "A person takes over this conversation and can read what was written so far.",
  email: "E-mail (optional)",
  email_hint: "So that we can reach you if you leave.",
  email_bad: "Please check this address. Example: name@example.com",
  ask: "Ask for a person",
  cancel: "Cancel",
  requested: "A person has been asked for",
  leave: "Leave an e-mail address",
  joined: "{name} has joined the conversation",
  closed: "This conversation has ended.",
  again: "Start a new conversation",
  source: "Source {n}",
  sources: "Sources",
  article: "Open the article",
  new_tab: "(opens in a new tab)",
  up: "Helpful",
  down: "Not helpful",
  why: "What was wrong with it?",
  wrong: "It's wrong",
  unhelpful: "It doesn't help",
  rude: "It's rude",
  other: "Other",
  thanks: "Thank you for telling us.",
};

/** The words for the first language that is asked for, and the locale to write times in. English where there is none. */
export const loadTexts = async (base, asked) => {
  const lang = (asked.find(Boolean) || "en").toLowerCase().split(/[-_]/)[0];
  const made = (lang, words) => ({
    lang,
    clock: navigator.languages.find((tag) => tag.split("-")[0] === lang) || lang,
    say: (key, values = {}) => (words[key] || ENGLISH[key]).replace(/\{(\w+)\}/g, (_, name) => values[name]),
  });
  if (LOCALES.includes(lang)) {
    try {
      const found = await fetch(`${base}/widget/locales/${lang}.json`);
      if (found.ok) return made(lang, await found.json());
    } catch {
      // no words, so English
    }
  }
  return made("en", ENGLISH);
};
