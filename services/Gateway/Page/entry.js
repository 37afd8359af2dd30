// What an entry of the queue may be, and what an answer makes of it. No browser, no line: plain values.

export const WAITING = 'WAITING';
export const SENDING = 'SENDING';
export const SETTLED = 'SETTLED';
export const FAILED = 'FAILED';
export const CANCELLED = 'CANCELLED';
export const WITHDRAWN = 'WITHDRAWN';

export const SETTLE = 'SETTLE';
export const CANCEL = 'CANCEL';

/** So many calls without an answer, and the outcome is asked for and then undone. */
export const REVERSE_AFTER = 8;

export const isOpen = (entry) => entry.state === WAITING || entry.state === SENDING;

/** Nothing can have happened at the centre: it may be taken back here, and be entered anew under another id. */
export const isCertainlyNotDone = (entry) => !entry.unknown && (entry.state === WAITING || entry.state === FAILED);

export const stateWord = (entry) => ({
  [WAITING]: '待上传',
  [SENDING]: entry.kind === CANCEL ? '撤销中' : '结算中',
  [SETTLED]: '已结算',
  [FAILED]: entry.kind === CANCEL ? '撤销失败' : '失败',
  [CANCELLED]: '已撤销',
  [WITHDRAWN]: '已撤回',
})[entry.state];

// A call that the gateway turned away before it looked at it.
const NOTHING_DONE = [401, 403, 404, 408, 415, 421, 429];

/**
 * What an answer to Settle or Cancel says.
 * @param message that was sent
 * @param answer {status, body}
 * @returns {{done?: string, refused?: true, again?: true, login?: true, unknown?: true, text: string}}
 */
export function read(kind, message, { status, body }) {
  const text = typeof body.text === 'string' ? body.text : '';
  if (status === 401) return { login: true, text };
  if (NOTHING_DONE.includes(status)) return { again: true, text };
  if (status === 400 || status === 413) return { refused: true, text };
  if (status !== 200 || !isOf(message, body)) return { unknown: true, text };
  if (body.decision === 'REFUSED') return { refused: true, code: body.reasonCode, text: body.reasonText };
  const done = kind === CANCEL ? CANCELLED : SETTLED;
  return body.decision === done && body.settlementId ? { done, text: body.reasonText ?? '' } : { unknown: true, text };
}

function isOf(message, body) {
  return body.requestId === message.requestId && body.facilityCode === message.facilityCode && body.insuredId === message.insuredId;
}

/** What GetSettlement says of a request: the settlement that stands, or null. */
export function standing(message, { status, body }) {
  return status === 200 && body.decision === 'SETTLED' && isOf(message, body) && body.settlementId ? body : null;
}

/** What Reverse says: the entry's end, or null where nothing is known. */
export function reversed({ status, body }) {
  if (status !== 200) return null;
  switch (body.outcome) {
    case 'SETTLEMENT_UNDONE':
      return { text: '中心曾结算这一笔，现已冲正，基金未支付；需要结算请重新办理。' };
    case 'NOTHING_TO_UNDO':
      return { text: '中心没有结算这一笔，该编号已冲正作废；需要结算请重新办理。' };
    case 'REVERSE_REFUSED':
      return { stands: true, text: body.reasonText ?? '' };
    default:
      return null;
  }
}
