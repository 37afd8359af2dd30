// The queue of a clinic in this browser. An entry is on disk before anything is sent, and is sent under its own id until the centre has
// said what became of it. Only one tab sends at a time. Nothing here goes by this machine's clock.

import * as api from './api.js';
import { dayOf, nowMs } from './clock.js';
import * as e from './entry.js';
import { newRequestId } from './ids.js';
import { addEntry, changeEntry, deleteEntry, entriesOf, getEntry } from './store.js';
import { open, seal } from './vault.js';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
const IDLE_PAUSE_MS = 60_000;

const tabs = new BroadcastChannel('claims-clinic');
const listeners = new Set();

let clinic = null; // {facilityCode, key} while a session lasts
let needLogin = () => {};
let renewSession = async () => 'GOOD';
let running = false;
let again = false;
let failures = 0;
let timer = 0;

/** Tells of every change to an entry, in whichever tab. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell() {
  listeners.forEach((listener) => listener());
}

function changed() {
  tabs.postMessage('changed');
  tell();
}

tabs.addEventListener('message', tell);
addEventListener('online', () => { failures = 0; pump(); });
addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') pump(); });

/**
 * Begins to send what waits.
 * @param on.login called where the session has ended; entries stay as they are
 * @param on.renew asks the gateway for the session's token anew: GOOD, ENDED or AWAY
 */
export function start({ facilityCode, key }, on) {
  clinic = { facilityCode, key };
  needLogin = on.login;
  renewSession = on.renew;
  failures = 0;
  pump();
}

export function stop() {
  clinic = null;
  clearTimeout(timer);
}

/** Entries of the clinic, oldest first, with what is sealed in them: {…entry, content, answer}; content is null where it cannot be read. */
export async function list() {
  if (!clinic) return [];
  const { facilityCode, key } = clinic;
  return Promise.all((await entriesOf(facilityCode)).map((entry) => opened(key, entry)));
}

export async function find(requestId) {
  const entry = clinic && await getEntry(requestId);
  return entry?.facilityCode === clinic?.facilityCode && entry ? opened(clinic.key, entry) : null;
}

async function opened(key, entry) {
  const part = async (name) => {
    if (!entry[name]) return null;
    try {
      return await open(key, `${entry.requestId}/${name}`, entry[name]);
    } catch {
      return null;
    }
  };
  return { ...entry, content: await part('content'), answer: await part('answer') };
}

/**
 * Takes an entry into the queue; it is on disk when this returns.
 * @param content {message, names, nameMasked, reason}: what is sent, and what a receipt shows beside it
 * @param more of a cancellation: {cancelOf}
 * @returns false where it is there already: the second of a double click
 */
export async function submit(kind, content, more = {}) {
  const { facilityCode, key } = clinic;
  const { requestId } = content.message;
  const added = await addEntry({
    requestId, facilityCode, kind, state: e.WAITING, unknown: false, unanswered: 0, intent: 'DO', text: '', ...more,
    createdAt: nowMs(), day: dayOf(nowMs()), content: await seal(key, `${requestId}/content`, content),
  });
  changed();
  failures = 0;
  pump();
  return added;
}

/** The cancellation of a settlement that is under way or done here; null where there is none. */
export async function cancellationOf(requestId) {
  const found = (await entriesOf(clinic.facilityCode)).find((entry) =>
    entry.cancelOf === requestId && (e.isOpen(entry) || entry.state === e.CANCELLED));
  return found?.requestId ?? null;
}

/** Sends a refused entry again under its own id: nothing was stored of it. */
export async function sendAgain(requestId) {
  await changeEntry(requestId, (entry) => entry.state === e.FAILED && entry.retryable ? { ...entry, state: e.WAITING, text: '' } : null);
  failures = 0;
  changed();
  pump();
}

/** Takes back what was certainly not done. @returns whether it was. */
export async function withdraw(requestId) {
  // Under the lock: nobody is sending it now.
  const taken = await locked(() => changeEntry(requestId, (entry) =>
    e.isCertainlyNotDone(entry) ? { ...entry, state: e.WITHDRAWN, text: '未上传，已在本机撤回。' } : null));
  changed();
  return taken !== null;
}

/** No longer waits for an outcome that is unknown: undoes whatever the request has done or may still do. */
export async function giveUp(requestId) {
  await changeEntry(requestId, (entry) =>
    e.isOpen(entry) && entry.unknown && entry.kind === e.SETTLE ? { ...toReverse(entry), givenUp: true } : null);
  failures = 0;
  changed();
  pump();
}

/** Forgets what was sealed of these entries; what remains names nobody. */
export async function forget(requestIds) {
  for (const requestId of requestIds) {
    await changeEntry(requestId, ({ content, answer, ...rest }) => e.isOpen(rest) ? null : { ...rest, reconciled: true });
  }
  changed();
}

export async function remove(requestIds) {
  for (const requestId of requestIds) await deleteEntry(requestId);
  changed();
}

/** Sends what waits now; a call while one is under way makes it look once more. */
export async function pump() {
  if (!clinic) return;
  again = true;
  if (running) return;
  running = true;
  clearTimeout(timer);
  let pause = 0;
  try {
    while (again && clinic) {
      again = false;
      pause = await locked(round);
    }
  } finally {
    running = false;
    clearTimeout(timer);
    timer = setTimeout(pump, pause || IDLE_PAUSE_MS);
  }
}

const locked = (work) => navigator.locks.request(`claims-queue-${clinic.facilityCode}`, work);

/** Each open entry once, in their order. @returns ms to wait before the next; 0 where nothing is open. */
async function round() {
  let waitMs = 0;
  let open = false;
  for (const entry of await entriesOf(clinic?.facilityCode ?? '')) {
    if (!clinic) return 0;
    if (!e.isOpen(entry)) continue;
    if (!api.hasCsrfToken() || !api.isInTouch()) {
      // What is not begun on a dead line is not unknown.
      const session = await renewSession();
      if (session !== 'GOOD') {
        failures += session === 'AWAY' ? 1 : 0;
        return session === 'AWAY' ? pauseMs(failures) : 0;
      }
    }
    const outcome = await send(clinic, entry.requestId);
    changed();
    if (outcome.login) {
      needLogin();
      return 0;
    }
    if (!outcome.open) continue;
    open = true;
    waitMs = Math.max(waitMs, (outcome.retryAfterSeconds ?? 0) * 1000);
    // The line is away, or the gateway is busy: the rest would fare no better.
    if (outcome.stop) break;
  }
  failures = open ? failures + 1 : 0;
  return open ? Math.max(waitMs, pauseMs(failures)) : 0;
}

function pauseMs(failed) {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failed - 1));
  return longest * (0.5 + Math.random() / 2);
}

async function send({ key }, requestId) {
  // From before the first byte goes out its outcome is unknown, whatever becomes of this machine.
  let before;
  const entry = await changeEntry(requestId, (found) => {
    before = found;
    return e.isOpen(found) ? { ...found, state: e.SENDING, unknown: true } : null;
  });
  if (!entry) return {};
  const { content } = await opened(key, entry);
  if (!content) {
    await putBack(before, '本机无法读取这一笔：它是用另一把密钥加密的，请联系医保经办机构。');
    return { open: true };
  }
  tell();
  try {
    return entry.intent === 'REVERSE' ? await undo(key, entry, content) : await carryOut(key, before, entry, content);
  } catch (error) {
    if (!(error instanceof api.NoAnswer)) throw error;
    await unanswered(requestId, '线路中断，结果未知，线路恢复后自动查询。', false);
    return { open: true, stop: true };
  }
}

async function carryOut(key, before, entry, { message }) {
  const path = entry.kind === e.CANCEL ? '/v1/cancel' : '/v1/settle';
  let answer = await api.post(path, message);
  if (answer.status === 403) {
    // The token may be of an earlier session.
    await renewSession();
    answer = await api.post(path, message);
  }
  const said = e.read(entry.kind, message, answer);
  if (said.done) {
    await settled(key, entry, answer.body, said.text);
    return {};
  }
  if (said.refused && (before.unknown && said.code === undefined)) {
    // The earlier call was the same: what refuses this one may not be the centre.
    await unanswered(entry.requestId, said.text, true);
    return { open: true };
  }
  if (said.refused) {
    await failed(entry, said.text, { retryable: true, unknown: before.unknown && said.code === 'RECORDS_LOST' });
    if (said.code === 'ALREADY_CANCELLED') await markCancelled(entry.cancelOf, '');
    return {};
  }
  if (said.login || said.again) {
    await putBack(before, said.text);
    return { login: said.login, open: true, stop: true, retryAfterSeconds: answer.retryAfterSeconds };
  }
  const after = await unanswered(entry.requestId, said.text || '结果未知，稍后自动查询。', true);
  return after?.intent === 'REVERSE' ? undo(key, after, { message }) : { open: true, retryAfterSeconds: answer.retryAfterSeconds };
}

/** Asks what became of a settlement, and undoes it where that is not known. */
async function undo(key, entry, { message }) {
  const { requestId, facilityCode, insuredId } = message;
  const asked = () => api.post('/v1/get-settlement', { facilityCode, insuredId, requestId });
  const found = await asked();
  if (found.status === 401) return { login: true };
  const known = entry.givenUp ? null : e.standing(message, found);
  if (known) {
    await settled(key, entry, known, known.reasonText ?? '');
    return {};
  }
  const answer = await api.post('/v1/reverse',
    { requestId: entry.reverseRequestId, facilityCode, insuredId, originalRequestId: requestId });
  if (answer.status === 401) return { login: true };
  const said = e.reversed(answer);
  if (!said) {
    await unanswered(requestId, answer.body.text ?? '', true);
    return { open: true, retryAfterSeconds: answer.retryAfterSeconds };
  }
  if (!said.stands) {
    await failed(entry, `结果长时间未知，已发起冲正：${said.text}`, { retryable: false, unknown: false, reversed: true });
    return {};
  }
  const stands = e.standing(message, await asked());
  if (!stands) {
    await unanswered(requestId, said.text, true);
    return { open: true };
  }
  await settled(key, entry, stands, `未能冲正（${said.text}），这笔结算有效。`);
  return {};
}

async function settled(key, entry, body, text) {
  const answer = await seal(key, `${entry.requestId}/answer`, body);
  await changeEntry(entry.requestId, (found) => ({
    ...found, state: entry.kind === e.CANCEL ? e.CANCELLED : e.SETTLED, unknown: false, unanswered: 0, text, answer,
    settlementId: body.settlementId, fundPayFen: body.fundPayFen, day: body.settledAt?.slice(0, 10) ?? found.day,
  }));
  if (entry.kind === e.CANCEL) await markCancelled(entry.cancelOf, entry.requestId);
}

const markCancelled = (requestId, cancelledBy) =>
  changeEntry(requestId, (found) => found.state === e.SETTLED ? { ...found, state: e.CANCELLED, cancelledBy } : null);

const failed = (entry, text, more) => changeEntry(entry.requestId, (found) => ({ ...found, state: e.FAILED, text, ...more }));

/** This call did nothing: the entry is as it was before it. */
const putBack = (before, text) =>
  changeEntry(before.requestId, (found) => ({ ...found, state: before.unknown ? e.SENDING : e.WAITING, unknown: before.unknown, text }));

/** @param counts whether the gateway was there: what a dead line leaves open is not undone, but sent again when it is back. */
const unanswered = (requestId, text, counts) => changeEntry(requestId, (found) => {
  const after = { ...found, unanswered: found.unanswered + (counts ? 1 : 0), text };
  return found.kind === e.SETTLE && found.intent === 'DO' && after.unanswered >= e.REVERSE_AFTER ? toReverse(after) : after;
});

const toReverse = (entry) =>
  ({ ...entry, intent: 'REVERSE', reverseRequestId: entry.reverseRequestId ?? newRequestId('F'), text: '结果未知，正在向中心查询并冲正。' });
