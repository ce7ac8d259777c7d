/** The few things that every view does with the document. */

const SVG = "http://www.w3.org/2000/svg";

const ICON_PATHS = {
  camera: "M4 8.5h3.2L9 6h6l1.8 2.5H20v10H4zM12 16.2a3.1 3.1 0 100-6.2 3.1 3.1 0 000 6.2z",
  outward: "M8 6h10v10M18 6L6 18",
  picture: "M4 5h16v14H4zM4 16l4.5-4.5 3.5 3.5 3-3 5 5M15.2 9.2h.01",
};

/** A copy of the template `id`, with `slot(name)` to find the places in it. */
export function fromTemplate(id) {
  const root = document.getElementById(id).content.firstElementChild.cloneNode(true);
  return { root, slot: (name) => root.querySelector(`[data-slot="${name}"]`) };
}

/** Show `view` as the page's one view and take the focus to its heading. */
export function showView(view) {
  document.getElementById("view").replaceChildren(view.root);
  window.scrollTo(0, 0);
  view.root.querySelector("h1")?.focus({ preventScroll: true });
}

/** Say `sentence` through the page's polite live region. */
export function announce(sentence) {
  document.getElementById("announcer").textContent = sentence;
}

/** Set a slot's text, or hide the slot where there is none. */
export function setText(node, text) {
  node.textContent = text ?? "";
  node.hidden = !text;
}

/** `href` if it is a web address, else null: a creative's link may be any string. */
export function webAddress(href) {
  try {
    const url = new URL(href, location.href);
    return /^https?:$/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

export function svgElement(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

export function svgIcon(name) {
  const icon = svgElement("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" });
  icon.append(svgElement("path", { d: ICON_PATHS[name] }));
  return icon;
}
