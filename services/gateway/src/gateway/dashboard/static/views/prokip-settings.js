import { get, post, put } from "../api.js";
import { action } from "../components/action.js";
import { choice, field, form, formValues, secretField } from "../components/form.js";
import { notice, toast } from "../components/notices.js";
import { time } from "../components/times.js";
import { h } from "../dom.js";
import { quantity } from "../format.js";
import { navigate } from "../router.js";

const INTERVAL_DEFAULT_S = 300;
const DIALECTS = {
  connector: { label: "Prokip's own API, with a login", fields: connectorFields },
  simple: { label: "A simple API, with a token", fields: simpleFields },
};

/** Of the last save: they are told once, by the check that came with it. */
let warnings = [];

export const prokipSettings = {
  title: "Prokip",
  refreshOn: ["sale.recorded", "sync.completed", "connection.changed"],
  async render({ signal, refresh }) {
    const settings = await get("/api/v1/prokip", { signal });
    return h.div(
      { class: "stack narrow" },
      h.h1("Prokip"),
      settings.configured
        ? reading(settings.state)
        : h.p("Prokip holds the one true stock. Say where it is and which location your stores sell from."),
      settings.configured && warnings.map((text) => notice("warn", h.p(text))),
      h.h2(settings.configured ? "Settings" : "Set up Prokip"),
      settingsForm(settings, refresh),
    );
  },
};

function reading(state) {
  if (!state) return notice("warn", h.p("The poller does not answer right now, so how reading goes cannot be told."));
  return h.section(
    { class: "stack", "aria-label": "How reading goes" },
    state.lastError && notice("bad", h.p(state.lastError)),
    h.dl(
      { class: "facts" },
      h.div(h.dt("Last read"), h.dd(time(state.lastReadAt))),
      h.div(h.dt("Next read"), h.dd(time(state.nextReadAt, { missing: "–" }))),
      h.div(
        h.dt("SKUs"),
        h.dd(quantity(state.skus), state.firstReadComplete === false && " (the first read is still going on)"),
      ),
      h.div(h.dt("Sales in doubt"), h.dd(saleLink(state.salesInDoubt, "in_doubt"))),
      h.div(h.dt("Sales refused"), h.dd(saleLink(state.salesRefused, "refused"))),
    ),
  );
}

const saleLink = (number, state) =>
  number > 0 ? h.a({ href: `/dashboard/sales?show=prokip&state=${state}` }, quantity(number)) : quantity(number);

function settingsForm(settings, refresh) {
  const { configured } = settings;
  const dialect = settings.dialect ?? "connector";
  const fields = h.div({ class: "stack" }, DIALECTS[dialect].fields(settings));
  return form(
    {
      key: `prokip-${settings.configuredAt}`,
      submitLabel: configured ? "Save" : "Check and save",
      submit: (values, element) => save(values, element, configured, refresh),
    },
    h.fieldset(
      h.legend("How Prokip is asked"),
      Object.entries(DIALECTS).map(([value, { label, fields: of }]) =>
        h.label(
          { class: "option" },
          h.input({
            type: "radio",
            name: "dialect",
            value,
            checked: value === dialect,
            onchange: () => fields.replaceChildren(...of(value === dialect ? settings : {})),
          }),
          label,
        ),
      ),
    ),
    field("apiUrl", "Address of the API", {
      required: true,
      type: "url",
      inputmode: "url",
      value: settings.apiUrl ?? "",
      placeholder: "https://api.prokip.africa",
    }),
    fields,
    field("intervalS", "Seconds between two reads", {
      required: true,
      type: "number",
      min: "1",
      inputmode: "numeric",
      value: settings.intervalS ?? INTERVAL_DEFAULT_S,
    }),
  );
}

async function save(values, element, configured, refresh) {
  if (values.dialect === "connector" && !values.locationId) return offerChoices(element);
  const { intervalS, ...rest } = filled(values);
  const saved = await put("/api/v1/prokip", { ...rest, intervalS: Number(intervalS) });
  warnings = saved.warnings;
  toast(configured ? "Saved." : "Prokip is set up.");
  return configured || warnings.length ? refresh() : navigate("/dashboard/");
}

function simpleFields({ configured, locationId }) {
  return [
    field("locationId", "Business location", { required: true, value: locationId ?? "", placeholder: "LOC001" }),
    secretField("token", "API token", { required: !configured, hint: secretHint(configured) }),
  ];
}

function connectorFields({ configured, locationId, contactId, timezone }) {
  const required = !configured;
  return [
    field("clientId", "Client id", {
      required,
      hint: configured ? KEPT : "Made in Prokip by its administrator: Connector → Clients.",
    }),
    secretField("clientSecret", "Client secret", { required, hint: secretHint(configured) }),
    field("username", "Login name", {
      required,
      hint: configured ? KEPT : "The name that you sign in to Prokip with, not the e-mail.",
    }),
    secretField("password", "Password", { required, hint: secretHint(configured) }),
    h.div(
      { class: "stack", id: "prokip-choices" },
      field("locationId", "Business location", {
        value: locationId ?? "",
        inputmode: "numeric",
        hint: "Its number in Prokip. Leave it empty to choose from a list.",
      }),
      field("contactId", "Customer", {
        value: contactId ?? "",
        inputmode: "numeric",
        hint: "Whom online sales are written to. Empty: Prokip's walk-in customer.",
      }),
      field("timezone", "Time zone", {
        value: timezone ?? "",
        placeholder: "Africa/Lagos",
        hint: "Sales are dated in it. Empty: the one of the business in Prokip.",
      }),
    ),
    h.div({ class: "buttons" }, action("Choose from a list", { key: "prokip-offer", run: offerAt })),
  ];
}

const KEPT = "Leave this empty to keep the stored one.";

const secretHint = (configured) =>
  configured
    ? "One is stored. Leave this empty to keep it; a new address or login needs it again."
    : "It is stored encrypted.";

/** From the button, which stands inside the form that it reads. */
async function offerAt(say) {
  await offerChoices(document.getElementById("prokip-choices").closest("form"));
  say("Choose, then save.");
}

/** Asks Prokip with what is typed, keeps nothing, and puts lists where numbers were to be typed. */
async function offerChoices(element) {
  const typed = formValues(element);
  const names = ["apiUrl", "clientId", "clientSecret", "username", "password"];
  const login = filled(Object.fromEntries(names.map((name) => [name, typed[name]])));
  const { locations, contacts, timezone } = await post("/api/v1/prokip/choices", login);
  const meant = locations.find(({ id, code }) => [id, code].includes(typed.locationId));
  const usual = contacts.find((one) => one.isDefault);
  const place = element.querySelector("#prokip-choices");
  place.replaceChildren(
    choice(
      "locationId",
      "Business location",
      locations.map(({ id, name, code }) => ({ value: id, label: code ? `${name} (${code})` : name })),
      { value: meant?.id, hint: locations.length ? undefined : "This login may not use any location." },
    ),
    choice(
      "contactId",
      "Customer",
      contacts.map(({ id, name }) => ({ value: id, label: name })),
      { value: typed.contactId || usual?.id, hint: "Whom online sales are written to." },
    ),
    field("timezone", "Time zone", { value: typed.timezone || timezone || "", hint: "Sales are dated in it." }),
  );
  place.querySelector("select").focus();
}

/** Fields left empty are left out, so that what is stored, or Prokip's own, applies. */
const filled = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value));
