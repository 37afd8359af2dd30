// The day's end: what this browser has, what the centre answers and what the books have are held against each other. What names persons is
// forgotten once the day is over and all three agree.

import * as api from './api.js';
import { dayOf, nowMs, today } from './clock.js';
import * as e from './entry.js';
import * as queue from './queue.js';

const KEPT_DAYS = 7;

/** @returns {Promise<{complete: boolean, differences: object[], text: string}>} */
export async function compare(date) {
  const entries = (await queue.list()).filter((entry) => (e.isOpen(entry) ? date === today() : entry.day === date));
  if (entries.some((entry) => entry.reconciled)) return { complete: false, differences: [], text: '这一天已经对平，本机不再保存明细。' };
  try {
    const { status, body } = await api.post('/clinic/day/compare', { date, lines: entries.map((entry) => lineOf(entry, entries)) });
    if (status !== 200) return { complete: false, differences: [], text: body.text || '暂时不能对账，请稍后再试。' };
    if (body.complete) await clear(entries);
    return { complete: body.complete, differences: body.differences, text: body.text };
  } catch (error) {
    if (!(error instanceof api.NoAnswer)) throw error;
    return { complete: false, differences: [], text: '联系不上医保中心，未对账，请在线路恢复后再试。' };
  }
}

function lineOf(entry, entries) {
  const { requestId, settlementId, fundPayFen, cancelOf, answer, content } = entry;
  return {
    requestId, settlementId, fundPayFen: Number(fundPayFen ?? 0), state: stateOf(entry, entries),
    insuredId: content?.message.insuredId, visitDate: content?.message.visitDate, totalFen: Number(answer?.totalFen ?? 0),
    originalRequestId: cancelOf,
  };
}

// Settled on one day and cancelled on another, it stands in the first day's books as settled.
function stateOf(entry, entries) {
  if (entry.state !== e.CANCELLED) return entry.state;
  if (entry.kind === e.CANCEL) return 'CANCELLATION';
  return !entry.cancelledBy || entries.some((other) => other.requestId === entry.cancelledBy) ? e.CANCELLED : e.SETTLED;
}

/** Compares the days that are over and still name persons here. */
export async function closePastDays() {
  const days = new Set((await queue.list()).filter((entry) => !e.isOpen(entry) && !entry.reconciled && entry.day < today())
    .map((entry) => entry.day));
  for (const day of [...days].sort()) await compare(day);
}

/** What remains of a reconciled day names nobody, and goes a week later. */
async function clear(entries) {
  const oldest = dayOf(nowMs() - KEPT_DAYS * 86_400_000);
  await queue.forget(entries.map((entry) => entry.requestId));
  await queue.remove((await queue.list()).filter((entry) => entry.reconciled && entry.day < oldest).map((entry) => entry.requestId));
}
