// The custom element <innkeeper-chat>, the page's commands for it, and its start from its own script tag.

import { h } from "./dom.js";
import css from "style.css"; // as the build has made it smaller
import { loadTexts } from "./texts.js";
import { makeView } from "./view.js";

const TAG = "innkeeper-chat";
const script = document.currentScript;
const home = script ? script.src.replace(/(\/widget\/[^/]+)?\/widget\.js([?#].*)?$/, "") : "";
let early = []; // commands from before there was a chat; the first one gets them

class Chat extends HTMLElement {
  static observedAttributes = ["locale", "site", "src"];
  #view;
  #start = 0;
  #identity;

  connectedCallback() {
    this.#begin();
  }

  disconnectedCallback() {
    this.#start++;
    this.#view?.remove();
    this.#view = null;
  }

  attributeChangedCallback() {
    if (this.#start && this.isConnected) this.#begin();
  }

  async #begin() {
    const mine = ++this.#start;
    const base = (this.getAttribute("src") || home).replace(/\/+$/, "");
    const words = await loadTexts(base, [this.getAttribute("locale"), document.documentElement.lang, ...navigator.languages]);
    if (mine !== this.#start) return; // removed meanwhile, or another language
    if (!this.shadowRoot) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
    }
    this.#view?.remove();
    const fire = (name, detail) => this.dispatchEvent(new CustomEvent(`innkeeper:${name}`, { detail, bubbles: true }));
    this.#view = makeView(this, { base, site: this.getAttribute("site"), words, fire, identity: this.#identity });
    fire("ready");
    early.splice(0).forEach((args) => this.command(...args));
  }

  /** What `innkeeper(name, value)` does, for this chat alone. */
  command(name, value) {
    if (name === "open") this.#view?.open();
    else if (name === "close") this.#view?.close();
    else if (name === "locale") this.setAttribute("locale", value);
    else if (name === "identify") {
      this.#identity = value;
      this.#view?.identify(value);
    } else if (name === "reset") {
      this.#identity = null;
      this.#view?.reset();
    }
  }
}

const all = () => [...document.querySelectorAll(TAG)];
const start = () => {
  const { site, locale, theme, position, open } = script.dataset;
  if (all().every((chat) => chat.getAttribute("site") !== site)) document.body.append(h(TAG, { src: home, site, locale, theme, position, open }));
};

if (!customElements.get(TAG)) {
  early = [...(window.innkeeper?.q || [])];
  window.innkeeper = (...args) => {
    const chats = all().filter((chat) => chat.shadowRoot);
    chats.length ? chats.forEach((chat) => chat.command(...args)) : early.push(args);
  };
  customElements.define(TAG, Chat);
}
if (script?.dataset.site) document.body ? start() : addEventListener("DOMContentLoaded", start);
