// Forms: labelled fields, one submit button, and each error beside the field that caused it.

import { h } from "../dom.js";
import { whileBusy } from "./action.js";

/** A labelled input. `hint` tells where the value is found; `attributes` go to the <input>. */
export function field(name, label, { hint, ...attributes } = {}) {
  const described = [hint && `${name}-hint`, `${name}-error`].filter(Boolean).join(" ");
  return h.div(
    { class: "field" },
    h.label({ for: `field-${name}` }, label),
    h.input({ id: `field-${name}`, name, "aria-describedby": described, autocomplete: "off", ...attributes }),
    hint && h.p({ class: "hint", id: `${name}-hint` }, hint),
    h.p({ class: "field-error", id: `${name}-error` }),
  );
}

/** A labelled list to choose from; `options` are {value, label}. */
export function choice(name, label, options, { hint, value } = {}) {
  const described = [hint && `${name}-hint`, `${name}-error`].filter(Boolean).join(" ");
  return h.div(
    { class: "field" },
    h.label({ for: `field-${name}` }, label),
    h.select(
      { id: `field-${name}`, name, "aria-describedby": described },
      options.map((one) => h.option({ value: one.value, selected: String(one.value) === String(value) }, one.label)),
    ),
    hint && h.p({ class: "hint", id: `${name}-hint` }, hint),
    h.p({ class: "field-error", id: `${name}-error` }),
  );
}

/** A password or key: never offered to be remembered as text. */
export const secretField = (name, label, options) =>
  field(name, label, { type: "password", spellcheck: "false", autocapitalize: "off", ...options });

/**
 * form({key, submitLabel, submit}, ...fields): `submit(values, form)` gets the trimmed values. When the gateway
 * refuses, its words appear at the named field, or above the button when they concern the whole.
 */
export function form({ key, submitLabel, submit }, ...content) {
  const message = h.p({ class: "form-error", role: "alert" });
  const button = h.button({ type: "submit", class: "button primary" }, submitLabel);
  const element = h.form(
    { class: "form stack", novalidate: true, "data-keep": key },
    ...content,
    message,
    h.div({ class: "buttons" }, button),
  );
  element.onsubmit = (event) => {
    event.preventDefault();
    clearErrors(element, message);
    if (!checkRequired(element)) return;
    const say = (text) => (message.textContent = text);
    whileBusy(button, () => submitOrShow(element, submit), say);
  };
  return element;
}

async function submitOrShow(element, submit) {
  try {
    await submit(formValues(element), element);
  } catch (error) {
    if (!showFieldErrors(element, error.body?.errors ?? [])) throw error;
  }
}

/** What is filled in now, trimmed; passwords as they are. */
export function formValues(element) {
  const entries = [...new FormData(element)];
  return Object.fromEntries(
    entries.map(([name, value]) => [name, element.elements[name].type === "password" ? value : value.trim()]),
  );
}

function clearErrors(element, message) {
  message.textContent = "";
  for (const input of element.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const text of element.querySelectorAll(".field-error")) text.textContent = "";
}

function checkRequired(element) {
  const missing = [...element.querySelectorAll("input[required]")].filter((input) => input.value.trim() === "");
  for (const input of missing) showFieldError(element, input.name, "Please fill this in.");
  missing[0]?.focus();
  return missing.length === 0;
}

/** True when every error found its field. */
function showFieldErrors(element, errors) {
  const placed = errors.filter(({ field: name, message }) => showFieldError(element, name, message));
  element.querySelector("[aria-invalid]")?.focus();
  return errors.length > 0 && placed.length === errors.length;
}

function showFieldError(element, name, message) {
  const input = element.elements[name];
  const place = element.querySelector(`#${CSS.escape(name)}-error`);
  if (!input || !place) return false;
  input.setAttribute("aria-invalid", "true");
  place.textContent = message;
  return true;
}
