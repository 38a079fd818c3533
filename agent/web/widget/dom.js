// Nodes, and nothing but nodes: no string is ever parsed as HTML, whoever wrote it.

const PATHS = {
  chat: "M12 4a8 8 0 0 0-7 11.9L4 20l4.3-.9A8 8 0 1 0 12 4ZM8.7 12h0M12 12h0M15.3 12h0",
  down: "m6 9.5 6 6 6-6",
  close: "m7 7 10 10M17 7 7 17",
  send: "M12 19V5.5M6 11l6-6 6 6",
  out: "M9 7h8v8M17 7 7 17",
  spark: "M12 2c1 6 4 9 10 10-6 1-9 4-10 10-1-6-4-9-10-10 6-1 9-4 10-10Z",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-8 8c1-3 4-5 8-5s7 2 8 5Z",
  up: "M7 11v9H4v-9h3Zm0 0 4-7a2 2 0 0 1 3 2l-1 4h5a2 2 0 0 1 2 3l-1 5a2 2 0 0 1-2 2H7",
  alert: "M12 8v5m0 3h0M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z",
};

/** An element. What follows the point in `tag` are its classes. Props are attributes, or listeners where they begin with "on"; null, undefined and, but for aria-*, false are left out. */
export const h = (tag, props, ...children) => {
  const [name, css] = tag.split(".");
  const node = document.createElement(name);
  if (css) node.className = css;
  for (const [key, value] of Object.entries(props || {})) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value != null && (value !== false || key.startsWith("aria"))) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
};

export const button = (css, press, props, ...children) => h(`button.${css}`, { type: "button", onclick: press, ...props }, ...children);

export const icon = (name, css = "") => {
  const make = (tag, props) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const key in props) node.setAttribute(key, props[key]);
    return node;
  };
  const svg = make("svg", { viewBox: "0 0 24 24", "aria-hidden": true, class: css });
  svg.append(make("path", { d: PATHS[name] }));
  return svg;
};

const TAGS = new Set("p strong em code pre blockquote ul ol li table thead tbody tr th td br".split(" "));
const DEEPEST = 40;

/**
 * Nodes from the server's tree of texts and [tag, ...children]: tags of the list only; of all else, its text.
 * `cite(n)` gives the node to stand for "[n]" in a text, or nothing where it is to stay text.
 */
export const grow = (tree, cite, depth = 0) =>
  (Array.isArray(tree) && depth < DEEPEST ? tree : []).flatMap((part) => {
    if (typeof part === "string") return part.split(/(\[\d+\])/).map((piece, at) => (at % 2 && cite?.(+piece.slice(1, -1))) || piece);
    if (!Array.isArray(part)) return [];
    const [tag, ...rest] = part;
    const children = grow(rest, tag === "code" || tag === "pre" ? null : cite, depth + 1);
    const node = TAGS.has(tag) ? h(tag, null, ...children) : children;
    return tag === "table" ? h("div.wide", { tabindex: 0 }, node) : node;
  });

/** The address, if it is one that a customer may be sent to; else null. */
export const safeUrl = (url) => {
  try {
    const { protocol, href } = new URL(url);
    return /^(https?|mailto|tel):$/.test(protocol) ? href : null;
  } catch {
    return null;
  }
};

export const link = (url, ...children) => h("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, ...children);
