// Elements from values. Data only ever becomes text nodes and attributes, so text from a store cannot become markup.

/**
 * h.a({href: "/x", onclick: go}, "text", node, null) → element; the properties may be left out: h.p("text").
 * Functions become properties (so that `morph` can carry them over), true is an empty attribute, false and null none.
 */
export const h = new Proxy(Object.freeze({}), {
  get:
    (_, tag) =>
    (...content) =>
      makeElement(tag, content),
});

function makeElement(tag, content) {
  const hasProperties = content.length > 0 && Object.getPrototypeOf(Object(content[0])) === Object.prototype;
  const [properties, children] = hasProperties ? [content[0], content.slice(1)] : [{}, content];
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element[name] = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter(isShown));
  return element;
}

const isShown = (child) => child !== null && child !== undefined && child !== false && child !== "";

const HANDLERS = ["onclick", "onsubmit", "oninput", "onchange"];

/**
 * Makes `current` look like `wanted` while keeping the elements that are there, and with them focus, scroll and
 * half-typed input. An element with `data-keep` stays untouched as long as the wanted one carries the same value.
 */
export function morph(current, wanted) {
  if (current.dataset?.keep !== undefined && current.dataset.keep === wanted.dataset?.keep) return;
  if (!sameKind(current, wanted)) {
    current.replaceWith(wanted);
    return;
  }
  if (current.nodeType !== Node.ELEMENT_NODE) {
    if (current.nodeValue !== wanted.nodeValue) current.nodeValue = wanted.nodeValue;
    return;
  }
  morphAttributes(current, wanted);
  morphChildren(current, wanted);
}

const sameKind = (a, b) =>
  a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.dataset?.keep === b.dataset?.keep;

function morphAttributes(current, wanted) {
  for (const { name } of [...current.attributes]) {
    // A <details> or <dialog> that the reader opened stays open.
    if (!wanted.hasAttribute(name) && name !== "open") current.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (current.getAttribute(name) !== value) current.setAttribute(name, value);
  }
  for (const name of HANDLERS) current[name] = wanted[name];
  // What a filter shows follows the address, unless somebody is typing in it just now.
  const isFilter = current.nodeName === "INPUT" || current.nodeName === "SELECT";
  if (isFilter && current !== document.activeElement) current.value = wanted.value;
}

function morphChildren(current, wanted) {
  const before = [...current.childNodes];
  const after = [...wanted.childNodes];
  after.forEach((child, index) => {
    if (index < before.length) morph(before[index], child);
    else current.append(child);
  });
  before.slice(after.length).forEach((child) => child.remove());
}

/** `run`, but only once the calls have paused for `wait_ms`. */
export function debounce(run, wait_ms) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...values), wait_ms);
  };
}

/** Resolves after `wait_ms`; rejects at once when the signal aborts. */
export function pause(wait_ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, wait_ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
