// What a store signs its webhooks with: which secret is in use, and a new one.

import { post } from "../api.js";
import { h } from "../dom.js";
import { exact } from "../format.js";
import { copyButton } from "./action.js";
import { confirmDialog, openDialog } from "./dialog.js";
import { secretField } from "./form.js";
import { toast } from "./notices.js";
import { time } from "./times.js";

/** `use` is the answer of GET …/secret, null where it could not be asked. */
export function secretSection(connection, use, refresh) {
  return h.section(
    { class: "stack", "aria-label": "Webhook secret" },
    h.h2("Webhook secret"),
    use && uses(use),
    h.p(
      h.button({ type: "button", class: "button", onclick: () => rotate(connection, refresh) }, "Rotate the secret"),
    ),
  );
}

function uses({ activeUsedAt, previousUsedAt, previousValidUntil, known }) {
  if (!known) return h.p({ class: "muted" }, "When it was used last is not known right now.");
  return h.dl(
    { class: "facts" },
    h.div(h.dt("Last used"), h.dd(time(activeUsedAt))),
    previousValidUntil && h.div(h.dt("The one before, last used"), h.dd(time(previousUsedAt))),
    previousValidUntil && h.div(h.dt("The one before is valid until"), h.dd(exact(previousValidUntil))),
  );
}

const EXPLAINED = {
  woocommerce: "Our webhooks in the store are made anew with it within seconds.",
  shopify:
    "First make a new client secret in the app's settings in Shopify, then give it here. Revoke the old one there only " +
    "after this, and before it ends here.",
  custom: "It is shown once. Your store signs with it from now on, and checks our notices by it.",
};

async function rotate({ id, platform, storeName }, refresh) {
  let answer = null;
  const done = await confirmDialog({
    title: `Rotate the secret of ${storeName}?`,
    body: [EXPLAINED[platform], "The old secret stays valid for the time that you choose. 0 hours: it leaked, end it now."],
    fields: [
      platform === "shopify" && secretField("secret", "New client secret", { required: true }),
      h.div(
        { class: "field" },
        h.label({ for: "field-overlapHours" }, "Old secret valid for, in hours"),
        h.input({ id: "field-overlapHours", name: "overlapHours", type: "number", min: 0, max: 168, value: 24 }),
      ),
    ].filter(Boolean),
    confirmLabel: "Rotate",
    style: "primary",
    run: async ({ overlapHours, secret }) => {
      answer = await post(`/api/v1/connections/${id}/secret`, {
        overlapHours: Number(overlapHours),
        ...(secret && { secret }),
      });
    },
  });
  if (!done) return;
  if (answer.secret) showOnce(answer);
  else toast(`${answer.message}. The old one is valid until ${exact(answer.previousValidUntil)}.`);
  await refresh();
}

function showOnce({ secret, curl, previousValidUntil }) {
  const secretText = h.code({ id: "rotated-secret" }, secret);
  const curlText = h.pre({ id: "rotated-curl", tabindex: "0" }, curl);
  const close = h.button({ type: "button", class: "button primary" }, "I have copied it");
  const dialog = openDialog(
    "The new secret",
    h.div(
      { class: "stack" },
      h.p(`Copy it now: it is shown this once. The old one is valid until ${exact(previousValidUntil)}.`),
      h.p(secretText, " ", copyButton(secret, secretText)),
      h.p("Try it: this reports a sale."),
      curlText,
      h.div({ class: "buttons end" }, copyButton(curl, curlText), close),
    ),
  );
  close.onclick = () => dialog.close();
}
