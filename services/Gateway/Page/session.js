// Who is at the counter. The cookie is the gateway's and no script can read it; here stand the names, the token against forged requests (in
// memory alone) and the key to the clinic's entries, which is taken away when the session ends.

import * as api from './api.js';
import * as clock from './clock.js';
import * as queue from './queue.js';
import { deleteMeta, getMeta, putMeta } from './store.js';
import { importKey } from './vault.js';

const listeners = new Set();

/** null: nobody is logged in. ended: the session is over, and whoever logs in again goes on where it was. */
let current = null;
let ended = false;

export const session = () => current;
export const isEnded = () => ended;

export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell() {
  listeners.forEach((listener) => listener());
}

const tabs = new BroadcastChannel('claims-session');
tabs.addEventListener('message', async ({ data }) => {
  if (data === 'out') await leave();
  else await open();
});

/** On load: the gateway is asked; where the line is away, what is stored of a session that has not expired goes on. */
export async function open() {
  clock.restore(await getMeta('clockOffsetMs'));
  const answer = await asked();
  const stored = await getMeta('session');
  if (answer.status === 200) await enter(answer.body, true);
  else if (answer.status !== 401 && stored && Date.parse(stored.expiresAt) > clock.nowMs()) await begin(stored);
  else await leave();
}

/** @returns status 0 where there was no answer */
async function asked() {
  try {
    return await api.get('/clinic/session');
  } catch (error) {
    if (error instanceof api.NoAnswer) return { status: 0 };
    throw error;
  }
}

/** @returns GOOD, ENDED or AWAY */
async function renew() {
  const answer = await asked();
  if (answer.status === 401) {
    await end();
    return 'ENDED';
  }
  if (answer.status !== 200) return 'AWAY';
  await enter(answer.body, false);
  return 'GOOD';
}

async function enter(body, restart) {
  api.setCsrfToken(body.csrfToken);
  const next = {
    facilityCode: body.facilityCode, facilityName: body.facilityName, clerk: body.clerk, expiresAt: body.expiresAt,
    mustChangePassword: body.mustChangePassword === true, key: await importKey(body.storageKey),
  };
  await putMeta('session', next);
  await putMeta('clockOffsetMs', clock.offset());
  if (restart || current?.facilityCode !== next.facilityCode) await begin(next);
  else current = next;
}

async function begin(next) {
  current = next;
  ended = false;
  if (!next.mustChangePassword) queue.start(next, { login: end, renew });
  tell();
}

/** The session is over: the key goes, what is typed stays on the screen until somebody logs in again. */
async function end() {
  await deleteMeta('session');
  api.setCsrfToken('');
  queue.stop();
  ended = current !== null;
  tell();
}

async function leave() {
  await end();
  current = null;
  ended = false;
  tell();
}

/** @returns null where it is done, else a Chinese sentence. */
export async function login(facilityCode, clerk, password) {
  try {
    const answer = await api.post('/clinic/login', { facilityCode, clerk, password });
    if (answer.status !== 200) return answer.body.text || '登录未成功，请稍后再试。';
    // Another clinic finds nothing of the one before it on the screen.
    if (current && current.facilityCode !== answer.body.facilityCode) await leave();
    await enter(answer.body, true);
    tabs.postMessage('in');
    return null;
  } catch (error) {
    if (error instanceof api.NoAnswer) return '联系不上医保中心，请检查网络后再登录；已保存的费用不会丢失。';
    throw error;
  }
}

export async function changePassword(oldPassword, newPassword) {
  try {
    const answer = await api.post('/clinic/password', { oldPassword, newPassword });
    if (answer.status !== 200 && answer.status !== 204) return answer.body.text || '密码未修改，请稍后再试。';
    await open();
    return null;
  } catch (error) {
    if (error instanceof api.NoAnswer) return '联系不上医保中心，密码未必已修改，请检查网络后再试。';
    throw error;
  }
}

/** @returns null where it is done, else why not: a session that the gateway still holds would be no logout. */
export async function logout() {
  try {
    const answer = await api.post('/clinic/logout', {});
    if (answer.status >= 300 && answer.status !== 401) return answer.body.text || '未能退出，请稍后再试。';
  } catch (error) {
    if (!(error instanceof api.NoAnswer)) throw error;
    await leave();
    tabs.postMessage('out');
    return '联系不上医保中心：本机已退出并锁住数据，请在线路恢复后关闭浏览器。';
  }
  await leave();
  tabs.postMessage('out');
  return null;
}
