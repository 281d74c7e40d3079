import { get, post, withQuery } from "../api.js";
import { copyButton } from "../components/action.js";
import { field, form, secretField } from "../components/form.js";
import { notice, toast } from "../components/notices.js";
import { h } from "../dom.js";
import { PLATFORMS } from "../format.js";
import { navigate } from "../router.js";

export const connect = {
  title: "Connect a store",
  async render({ params, query, signal }) {
    const prokip = await get("/api/v1/prokip", { signal });
    const open = FORMS[params.platform];
    return h.div(
      { class: "stack narrow" },
      h.p(
        { class: "back" },
        h.a(
          { href: open ? "/dashboard/stores/connect" : "/dashboard/stores" },
          open ? "Another kind of store" : "Stores",
        ),
      ),
      h.h1(open ? `Connect ${open.article}` : "Connect a store"),
      !prokip.configured &&
        notice(
          "warn",
          h.p(
            "Prokip is not set up yet, so nothing could be written to the store. ",
            h.a({ href: "/dashboard/prokip" }, "Set up Prokip first"),
            ".",
          ),
        ),
      open ? await open.render(prokip, { query, signal }) : kinds(),
    );
  },
};

const FORMS = {
  woocommerce: {
    article: "a WooCommerce store",
    hint: "A WordPress site with the WooCommerce plugin.",
    render: wooWays,
  },
  shopify: { article: "a Shopify store", hint: "On Shopify's own page, with an app of your own, or an access token.", render: shopifyWays },
  custom: { article: "your own store", hint: "Anything that can send and receive signed HTTP.", render: customForm },
};

const kinds = () =>
  h.ul(
    { class: "cards" },
    Object.entries(FORMS).map(([platform, { hint }]) =>
      h.li(
        h.a(
          { class: "card choice", href: `/dashboard/stores/connect/${platform}` },
          h.strong(PLATFORMS[platform]),
          h.span({ class: "muted" }, hint),
        ),
      ),
    ),
  );

const locationField = ({ locationId }) =>
  field("locationId", "Prokip location", {
    hint: "The location whose stock this store sells.",
    value: locationId ?? "",
  });

function connected({ storeName }) {
  toast(`${storeName} is connected. Its products are being read.`);
  return navigate("/dashboard/stores");
}

const ADDRESS = { required: true, type: "url", inputmode: "url", placeholder: "https://shop.example" };

/** The store's own approval page first; pasted keys where that page cannot lead back here. */
function wooWays(prokip, { query }) {
  const pasted = query.keys !== undefined;
  return h.div(
    { class: "stack" },
    refusal(query.refused, "The store could not be connected."),
    pasted ? wooForm(prokip) : approvalForm(prokip),
    h.p(
      pasted
        ? h.a({ href: "/dashboard/stores/connect/woocommerce" }, "Approve it in the store instead")
        : h.a({ href: "/dashboard/stores/connect/woocommerce?keys" }, "Use API keys instead"),
    ),
  );
}

const approvalForm = (prokip) =>
  form(
    {
      key: "connect-woocommerce-approval",
      submitLabel: "Continue to the store",
      submit: async (values) => {
        location.assign((await get(withQuery("/connections/woocommerce/authorize", values))).authorizeUrl);
      },
    },
    field("storeUrl", "Address of the shop", {
      ...ADDRESS,
      hint: "With its folder, if WordPress is in one. You log in there as a shop manager and approve.",
    }),
    locationField(prokip),
  );

function wooForm(prokip) {
  return form(
    {
      key: "connect-woocommerce",
      submitLabel: "Connect",
      submit: async (values) => connected((await post("/api/v1/connections/woocommerce", filled(values))).connection),
    },
    field("storeUrl", "Address of the shop", ADDRESS),
    field("consumerKey", "Consumer key", {
      required: true,
      spellcheck: "false",
      hint: "In WordPress: WooCommerce → Settings → Advanced → REST API → Add key, with permission Read/Write.",
    }),
    secretField("consumerSecret", "Consumer secret", { required: true }),
    locationField(prokip),
  );
}

const REFUSED = {
  forged_callback: "The answer did not come from Shopify.",
  unknown_state: "That way there and back was used already or took too long.",
  not_approved: "Access was not approved in the store.",
  no_keys: "The store has sent no keys.",
  store_refused: "The store does not let us in with what it gave us.",
  wrong_shop: "That address is no Shopify store.",
  store_taken: "This store is connected to another business already.",
  store_not_ready: "The app was not given all the access that it needs.",
};

const refusal = (code, otherwise) =>
  code && notice("warn", h.p(`${REFUSED[code] ?? otherwise} Please begin again.`));

/** By the name that follows the address; Shopify's own page first. */
const SHOPIFY_WAYS = [
  { name: "", label: "Connect on Shopify's own page instead", render: (prokip) => consentForm(prokip) },
  { name: "app", label: "Use an app of your own instead", render: (prokip) => ownAppForm(prokip) },
  { name: "token", label: "Use an access token instead", render: (prokip) => shopifyForm(prokip) },
];

function shopifyWays(prokip, { query, signal }) {
  const install = query.install;
  if (install) return installChoice(install, signal);
  const open = SHOPIFY_WAYS.find(({ name }) => name && query[name] !== undefined) ?? SHOPIFY_WAYS[0];
  return h.div(
    { class: "stack" },
    refusal(query.refused, "Shopify could not be connected."),
    open.render(prokip),
    SHOPIFY_WAYS.filter((way) => way !== open).map(({ name, label }) =>
      h.p(h.a({ href: `/dashboard/stores/connect/shopify${name && `?${name}`}` }, label)),
    ),
  );
}

const consentForm = (prokip) =>
  form(
    {
      key: "connect-shopify-consent",
      submitLabel: "Continue to Shopify",
      submit: async (values) => {
        location.assign((await get(withQuery("/connections/shopify", values))).authorizeUrl);
      },
    },
    field("shop", "Shop", SHOP),
    locationField(prokip),
  );

async function installChoice(install, signal) {
  const path = `/api/v1/connections/shopify/installs/${encodeURIComponent(install)}`;
  const { shop, places } = await get(path, { signal });
  return form(
    {
      key: "connect-shopify-place",
      submitLabel: "Connect",
      submit: async (values) => connected((await post(path, values)).connection),
    },
    h.p(`${shop} let us in.`),
    placeChoice(places, "It keeps stock in several places; one of them is written."),
  );
}

const SHOP = { required: true, placeholder: "mystore.myshopify.com", autocapitalize: "off" };

const shopifyForm = (prokip) =>
  shopKeysForm("/api/v1/connections/shopify", prokip, [
    secretField("accessToken", "Access token", {
      required: true,
      hint: "In Shopify: Settings → Apps → your app → API credentials. It begins with shpat_.",
    }),
    secretField("apiSecret", "API secret key", {
      required: true,
      hint: "On the same page; it proves that a webhook comes from Shopify.",
    }),
  ]);

const ownAppForm = (prokip) =>
  shopKeysForm("/api/v1/connections/shopify/app", prokip, [
    field("clientId", "Client ID", {
      required: true,
      spellcheck: "false",
      hint: "In Shopify's Dev Dashboard: your app → Settings. App and shop belong to the same organization.",
    }),
    secretField("clientSecret", "Client secret", {
      required: true,
      hint: "On the same page. Access is renewed with it every day, by itself.",
    }),
  ]);

/** A shop with several locations asks which one is written before it is connected. */
function shopKeysForm(path, prokip, secrets) {
  const places = h.div({ class: "places" });
  return form(
    {
      key: `connect-${path}`,
      submitLabel: "Connect",
      submit: async (values) => {
        try {
          return await connected((await post(path, filled(values))).connection);
        } catch (error) {
          if (error.code !== "choose_location") throw error;
          return places.replaceChildren(placeChoice(error.body.places, error.message));
        }
      },
    },
    field("shop", "Shop", SHOP),
    ...secrets,
    locationField(prokip),
    places,
  );
}

function placeChoice(places, reason) {
  return h.fieldset(
    h.legend("Which Shopify location shows the stock?"),
    h.p({ class: "hint", role: "status" }, reason),
    places.map(({ id, name }, index) =>
      h.label({ class: "option" }, h.input({ type: "radio", name: "placeId", value: id, checked: index === 0 }), name),
    ),
  );
}

function customForm(prokip) {
  const content = h.div({ "data-keep": "custom" });
  content.append(
    form(
      {
        key: "connect-custom",
        submitLabel: "Connect",
        submit: async (values) => {
          const answer = await post("/api/v1/connections/custom", filled(values));
          content.replaceChildren(credentials(answer));
          content.querySelector("h2").focus();
        },
      },
      field("name", "Name", { required: true, placeholder: "Market stall" }),
      field("notifyUrl", "Address to tell new quantities", {
        type: "url",
        inputmode: "url",
        placeholder: "https://shop.example/stock",
        hint: "Each new quantity is posted there, signed. Leave it empty if the store only reports sales.",
      }),
      locationField(prokip),
    ),
  );
  return content;
}

/** The secret is told once and never again, so the page says so and offers to copy it. */
function credentials({ connection, storeKey, secret, curl }) {
  const secretText = h.code({ id: "custom-secret" }, secret);
  const curlText = h.pre({ id: "custom-curl", tabindex: "0" }, curl);
  return h.section(
    { class: "stack" },
    h.h2({ tabindex: "-1" }, `${connection.storeName} is connected`),
    notice("warn", h.p("Copy the secret now: it is shown this once.")),
    h.dl(
      { class: "facts" },
      h.div(h.dt("Store key"), h.dd(h.code(storeKey))),
      h.div(h.dt("Secret"), h.dd(secretText, " ", copyButton(secret, secretText))),
    ),
    h.h3("Try it: this reports a sale"),
    curlText,
    h.div(
      { class: "buttons" },
      copyButton(curl, curlText),
      h.a({ class: "button primary", href: "/dashboard/stores" }, "I have copied it"),
    ),
  );
}

/** Fields left empty are left out, so that the gateway's defaults apply. */
const filled = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
