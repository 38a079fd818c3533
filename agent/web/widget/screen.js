// Where the panel stands on a phone: its visible screen, and what is behind it.

/** As in style.css: a phone, or a page at a high zoom. */
const SMALL = "(max-width:520px),(max-height:480px)";

export const makeScreen = (host, panel, isOpen) => {
  const sheet = new CSSStyleSheet(), small = matchMedia(SMALL), view = window.visualViewport;
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
    const isModal = small.matches && isOpen(), { height, offsetTop, scale } = view; // who magnifies the page gets no smaller panel
    sheet.replaceSync(isModal ? `.root{--tall:${height * scale}px;--top:${scale > 1 ? 0 : offsetTop}px}` : "");
    panel.ariaModal = isModal || null;
    shut(isModal);
  };
  const over = new AbortController(), sources = [[small, "change"], [view, "resize"], [view, "scroll"]];
  const { signal } = over;
  sources.forEach(([source, name]) => source.addEventListener(name, fit, { signal }));

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
      over.abort();
    },
  };
};
