// The gateway as a test says: each call is noted, and answered by the next of the answers for its path, the last one again and again.

export class NoAnswer extends Error {}

export const calls = [];
export const gateway = { csrf: true, inTouch: true };
const answers = new Map();

/** @param said {status, body, retryAfterSeconds}, or null for a line that is away */
export function answer(path, ...said) {
  answers.set(path, said);
}

export const setCsrfToken = (token) => { gateway.csrf = token !== ''; };
export const hasCsrfToken = () => gateway.csrf;
export const isInTouch = () => gateway.inTouch;

async function call(path, message) {
  calls.push({ path, message });
  const left = answers.get(path);
  if (!left) throw new Error(`nobody has said what ${path} answers`);
  const said = left.length > 1 ? left.shift() : left[0];
  if (said === null) throw new NoAnswer();
  return { status: 200, body: {}, retryAfterSeconds: 0, ...(typeof said === 'function' ? said(message) : said) };
}

export const post = call;
export const query = call;
export const get = (path) => call(path);
