// Values to words. Pure: the present is an argument.

const exactTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const STEPS = [
  [60, 1, "s"],
  [3600, 60, "min"],
  [86400, 3600, "h"],
  [30 * 86400, 86400, "d"],
];

/** A quantity as the API tells it (a decimal string): grouped, with a real minus sign; an en dash for none. */
export function quantity(text) {
  if (text === null || text === undefined) return "–";
  const [, sign, whole, fraction] = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(String(text)) ?? [];
  if (whole === undefined) return String(text);
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const rest = (fraction ?? "").replace(/0+$/, "");
  return `${sign === "-" ? "−" : ""}${grouped}${rest ? `.${rest}` : ""}`;
}

/** As `quantity`, with a plus sign where something was added. */
export function change(text) {
  const shown = quantity(text);
  return Number(text) > 0 ? `+${shown}` : shown;
}

/** "12 s ago", "in 3 min"; "never" without a time. */
export function relative(iso, now) {
  if (!iso) return "never";
  const past_s = Math.round((now - Date.parse(iso)) / 1000);
  const distance_s = Math.abs(past_s);
  if (distance_s < 5) return "just now";
  const step = STEPS.find(([below_s]) => distance_s < below_s);
  if (!step) return exact(iso);
  const shown = `${Math.floor(distance_s / step[1])} ${step[2]}`;
  return past_s > 0 ? `${shown} ago` : `in ${shown}`;
}

export const exact = (iso) => exactTime.format(new Date(iso));

/** count(1, "store") → "1 store"; count(2, "store") → "2 stores". */
export function count(number, noun, many = `${noun}s`) {
  return `${quantity(number)} ${number === 1 ? noun : many}`;
}

export const PLATFORMS = { shopify: "Shopify", woocommerce: "WooCommerce", custom: "Custom store" };

/** "in_doubt" → "in doubt": the API's state names are words already. */
export const words = (state) => String(state).replaceAll("_", " ");
