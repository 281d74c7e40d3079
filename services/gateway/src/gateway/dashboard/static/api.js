// The one place that talks to the gateway. Every page uses the public API, so whatever is shown can be asked with curl.

/** An answer that was no success: `detail` is a sentence for the operator, `body` the whole problem document. */
export class ApiError extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `The gateway answered ${status}.`);
    this.status = status;
    this.code = body.code;
    this.body = body;
  }
}

let renewSession = null;

/** `renew()` is awaited when the session has ended; then the call that found out is made again. */
export const whenSessionEnds = (renew) => (renewSession = renew);

export const get = (path, options) => call("GET", path, options);
export const post = (path, body, options) => call("POST", path, { ...options, body: body ?? {} });
export const put = (path, body) => call("PUT", path, { body });
export const patch = (path, body) => call("PATCH", path, { body });
export const remove = (path) => call("DELETE", path);

/** withQuery("/x", {a: "1", b: ""}) → "/x?a=1": what is empty is left out. */
export function withQuery(path, values) {
  const filled = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return filled.length ? `${path}?${new URLSearchParams(filled)}` : path;
}

/**
 * A session that ended in the middle of the work is renewed over the open page and the call repeated, so a form that
 * was being filled in keeps what was typed. `anonymous` calls (signing in itself) just fail.
 */
async function call(method, path, { body, signal, anonymous = false } = {}) {
  const response = await send(method, path, body, signal);
  if (response.status === 401 && !anonymous) {
    await renewSession();
    return call(method, path, { body, signal });
  }
  const answer = await readAnswer(response);
  if (!response.ok) throw new ApiError(response.status, answer);
  return answer;
}

async function send(method, path, body, signal) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { detail: "The gateway cannot be reached. Check the connection and try again." });
  }
}

async function readAnswer(response) {
  const text = await response.text();
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    return { detail: `The gateway answered ${response.status} without a reason.` };
  }
}
