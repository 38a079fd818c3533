// Where the panel stands: colours that can be read on the host's own, a phone's visible screen, and what is behind it there.

/** As in style.css: a phone, or a page at a high zoom. */
const SMALL = "(max-width:520px),(max-height:480px)";

/** Relative luminance (WCAG 2.2) of a computed "rgb(…)". */
const luminance = (colour) => {
  const [r, g, b] = (colour.match(/[\d.]+/g) || []).map((n) => (n <= 10.31 ? n / 3294.6 : ((n / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};

export const makeScreen = (host, panel, launcher, isOpen) => {
  const sheet = new CSSStyleSheet(), small = matchMedia(SMALL), dark = matchMedia("(prefers-color-scheme:dark)"), view = window.visualViewport;
  host.shadowRoot.adoptedStyleSheets = [host.shadowRoot.adoptedStyleSheets[0], sheet];
  let inert = [];

  /** Everything else of the page is out of reach while the panel fills the screen. */
  const shut = (isShut) => {
    if (isShut === inert.length > 0) return;
    inert.forEach((node) => (node.inert = false));
    inert = [];
    for (let node = host; isShut && node.parentElement && node !== document.body; node = node.parentElement) {
      inert.push(...[...node.parentElement.children].filter((other) => other !== node && !other.inert));
    }
    inert.forEach((node) => (node.inert = true));
  };
  const fit = () => {
    const isModal = small.matches && isOpen();
    // White has 4.5:1 on what is darker than 0.183, and near black on what is lighter.
    const on = luminance(getComputedStyle(launcher).backgroundColor) > 0.183 ? "#0b0f10" : "#fff";
    sheet.replaceSync(`.root{--on:${on};${isModal && view ? `--tall:${view.height}px;--top:${view.offsetTop}px` : ""}}`);
    isModal ? panel.setAttribute("aria-modal", "true") : panel.removeAttribute("aria-modal");
    shut(isModal);
  };
  const sources = [[small, "change"], [dark, "change"], [view, "resize"], [view, "scroll"]].filter(([source]) => source);
  sources.forEach(([source, name]) => source.addEventListener(name, fit));

  return {
    fit,
    isSmall: () => small.matches,
    /** Tab stays within the panel while it fills the screen. */
    trap(event, now) {
      if (!small.matches || !isOpen()) return;
      const stops = [...panel.querySelectorAll("button,textarea,input,a,[tabindex='0']")].filter((node) => node.getClientRects().length);
      if (event.shiftKey ? now !== stops[0] && now?.tabIndex !== -1 : now !== stops.at(-1)) return;
      event.preventDefault();
      stops.at(event.shiftKey ? -1 : 0).focus();
    },
    close() {
      shut(false);
      sources.forEach(([source, name]) => source.removeEventListener(name, fit));
    },
  };
};
