// The gateway's calls. What comes back is an answer of the gateway, or nothing is known: a captive portal's page with status 200 is no
// answer.

import { learn } from './clock.js';

// The gateway answers within 10 s or says that it could not; a bad line gets as long again and more.
const ANSWER_MS = 30_000;

// An answer so long ago says nothing of the line.
const IN_TOUCH_MS = 20_000;

let csrfToken = '';
let answeredAt = -Infinity;

export const setCsrfToken = (token) => { csrfToken = token; };
export const hasCsrfToken = () => csrfToken !== '';

/** Whether the gateway has answered just now. */
export const isInTouch = () => performance.now() - answeredAt < IN_TOUCH_MS;

/** Nothing came back, or nothing that the gateway says. */
export class NoAnswer extends Error {}

/** @returns {Promise<{status: number, body: object, retryAfterSeconds: number}>} @throws NoAnswer */
async function call(path, init) {
  let response;
  let body;
  try {
    response = await fetch(path, {
      ...init, cache: 'no-store', credentials: 'same-origin', redirect: 'error', signal: AbortSignal.timeout(ANSWER_MS),
    });
    body = response.status === 204 ? {} : await response.json();
  } catch (error) {
    answeredAt = -Infinity;
    throw new NoAnswer('', { cause: error });
  }
  if (body === null || typeof body !== 'object') throw new NoAnswer();
  learn(response);
  answeredAt = performance.now();
  return { status: response.status, body, retryAfterSeconds: Number(response.headers.get('Retry-After')) || 0 };
}

export const get = (path) => call(path, { method: 'GET' });

export const post = (path, message) => call(path, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrfToken },
  body: JSON.stringify(message),
});

export const query = (path, parameters) =>
  get(`${path}?${new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== '' && value != null))}`);
