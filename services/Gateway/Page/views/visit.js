import { html, useEffect, useRef, useState } from '../vendor/htm-preact.js';
import * as api from '../api.js';
import { today } from '../clock.js';
import { SETTLE } from '../entry.js';
import { newRequestId } from '../ids.js';
import { percent, yuan } from '../money.js';
import * as queue from '../queue.js';
import { onScan } from '../scanner.js';
import { session } from '../session.js';
import { Dialog, Field, Notice, toCorrect } from '../ui.js';
import { VISIT_TYPES } from '../words.js';
import { Insured, lookUp } from './insured.js';
import { Items } from './items.js';

const QUOTE_MS = 250;
const ID = /^[0-9A-Za-z_-]{1,30}$/;

const fresh = () => ({ requestId: newRequestId('W'), insuredId: '', visitDate: today(), visitType: 'ORDINARY', lines: [] });

/** What is typed and not yet in the queue; it outlives a look at another view, not a reload. */
let kept = null;

/** An entry that was certainly not done, to be corrected and entered under an id of its own. */
export function enterAgain({ message, names }) {
  kept = {
    ...fresh(), insuredId: message.insuredId, visitDate: message.visitDate, visitType: message.visitType,
    lines: message.lines.map(({ lineId, ...line }, place) => ({ ...line, ...names[place] })),
  };
}

export const dropTyped = () => { kept = null; };

export function Visit({ onSubmitted }) {
  const [draft, setDraft] = useState(() => kept ?? fresh());
  const [insured, setInsured] = useState(null);
  const [quote, setQuote] = useState(null);
  const [fault, setFault] = useState('');
  const [same, setSame] = useState(null);
  const idField = useRef(null);
  const search = useRef(null);
  const ahead = useRef(null);
  const settle = useRef(null);
  const busy = useRef(false);
  const asked = useRef('');
  const change = (more) => setDraft((before) => (kept = { ...before, ...more }));
  const totalFen = draft.lines.reduce((sum, line) => sum + BigInt(line.amountFen), 0n);

  // From the id the search has the focus at once: what is typed while the centre is asked is an item.
  // Whoever has typed is not called back.
  const look = async (typed) => {
    const insuredId = typed.trim();
    const goesOn = document.activeElement === idField.current;
    if (!ID.test(insuredId)) {
      setInsured(null);
      setFault(insuredId === '' ? '' : '人员编号应为 30 位以内的字母和数字，请重新刷卡或输入。');
      if (goesOn) toCorrect(idField.current);
      return;
    }
    setFault('');
    change({ insuredId });
    asked.current = insuredId;
    if (goesOn) search.current.focus();
    const known = await lookUp(insuredId, draft.visitDate);
    if (asked.current !== insuredId) return;
    setInsured(known);
    const hasWaited = goesOn && document.activeElement === search.current && search.current.value === '';
    if (known.refused && hasWaited) toCorrect(idField.current);
  };

  useEffect(() => {
    if (draft.insuredId !== '') look(draft.insuredId);
    else idField.current.focus();
  }, []);

  useEffect(() => onScan(
    (line) => { idField.current.value = line; idField.current.focus(); look(line); },
    (field) => field === idField.current || (field === search.current && ahead.current === null) || field?.closest?.('dialog') != null,
  ), [draft.visitDate]);

  useEffect(() => {
    setQuote(null);
    if (draft.insuredId === '' || draft.lines.length === 0) return undefined;
    let stale = false;
    const timer = setTimeout(async () => {
      const answer = await preSettle(messageOf(draft));
      if (!stale) setQuote(answer);
    }, QUOTE_MS);
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  }, [draft]);

  const submit = async (certain) => {
    if (busy.current) return;
    if (draft.insuredId === '' || asked.current !== draft.insuredId) {
      setFault('请先刷卡、扫码或输入人员编号，然后按回车。');
      idField.current.focus();
      return;
    }
    if (draft.lines.length === 0) {
      setFault('请先录入费用。');
      search.current.focus();
      return;
    }
    busy.current = true;
    try {
      const message = messageOf(draft);
      const earlier = certain ? null : await sameBill(message);
      if (earlier) {
        setSame(earlier);
        return;
      }
      const names = draft.lines.map(({ name, class: of }) => ({ name, class: of }));
      await queue.submit(SETTLE, { message, names, nameMasked: insured?.found?.nameMasked ?? '' });
      kept = null;
      onSubmitted(draft.requestId);
    } catch (error) {
      setFault('本机没有存下这一笔，没有上传：请检查磁盘空间或浏览器设置后再按结算。');
      throw error;
    } finally {
      busy.current = false;
    }
  };

  const idKey = (event) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    look(event.target.value);
  };

  // What comes in late stands below the buttons: nothing may move under a finger.
  return html`<section class="visit" aria-labelledby="visit-title">
    <h1 id="visit-title" class="hidden">门诊结算</h1>
    <div class="who">
      <${Field} id="insuredId" label="人员编号"><input id="insuredId" ref=${idField} autocomplete="off" spellcheck=${false} maxlength="60"
        enterkeyhint="search" value=${draft.insuredId} aria-describedby="visit-fault"
        onInput=${(event) => { asked.current = ''; setInsured(null); change({ insuredId: event.target.value }); }}
        onKeyDown=${idKey} onBlur=${(event) => { if (asked.current !== event.target.value.trim()) look(event.target.value); }} /><//>
      <${Field} id="visitDate" label="就诊日期"><input id="visitDate" type="date" value=${draft.visitDate} max=${today()}
        onChange=${(event) => { change({ visitDate: event.target.value }); if (draft.insuredId) lookAgain(event.target.value); }} /><//>
      <${Field} id="visitType" label="就诊类型"><select id="visitType" value=${draft.visitType}
        onChange=${(event) => change({ visitType: event.target.value })}>
        ${Object.entries(VISIT_TYPES).map(([value, word]) => html`<option value=${value}>${word}</option>`)}</select><//>
    </div>
    <${Insured} known=${insured} />
    <${Items} lines=${draft.lines} date=${draft.visitDate} searchRef=${search} aheadRef=${ahead}
      onAdd=${(line) => change({ lines: [...draft.lines, line] })}
      onRemove=${(place) => change({ lines: draft.lines.filter((line, other) => other !== place) })}
      onDone=${() => (draft.lines.length > 0 ? settle.current.focus() : setFault('请先录入费用。'))} />
    <div class="sums">
      <p class="total">费用合计 <strong data-test="total">${yuan(totalFen)}</strong> 元</p>
      <div class="buttons"><button type="button" class="main" ref=${settle} onClick=${() => submit(false)}>结算</button>
        <button type="button" onClick=${() => { kept = null; asked.current = ''; setDraft(fresh()); setInsured(null); setFault('');
          idField.current.focus(); }}>清空重录</button></div>
      <${Notice} id="visit-fault" kind="error" text=${fault} />
      <${Quote} quote=${quote} />
    </div>
    ${same && html`<${Dialog} title="今天办理过相同的费用" onClose=${() => setSame(null)}>
      <p>今天已为该参保人录入过完全相同的费用（${yuan(same.totalFen)} 元）。同一次就诊只能结算一次。</p>
      <div class="buttons"><button type="button" onClick=${() => setSame(null)}>不再办理</button>
        <button type="button" onClick=${() => { setSame(null); submit(true); }}>是另一次就诊，继续结算</button></div><//>`}
  </section>`;

  async function lookAgain(visitDate) {
    setInsured(await lookUp(draft.insuredId, visitDate));
  }
}

/** The message that is sent, the same however often. */
function messageOf(draft) {
  const lines = draft.lines.map(({ itemCode, unitPriceMilliFen, quantityE4, amountFen }, place) =>
    ({ lineId: String(place + 1), itemCode, unitPriceMilliFen, quantityE4, amountFen }));
  return {
    requestId: draft.requestId, facilityCode: session().facilityCode, insuredId: draft.insuredId, visitDate: draft.visitDate,
    visitType: draft.visitType, totalFen: String(lines.reduce((sum, line) => sum + BigInt(line.amountFen), 0n)), lines,
  };
}

/** The entry of this browser that bills the same, where one stands or may stand. */
async function sameBill(message) {
  const bill = ({ insuredId, visitDate, visitType, lines }) => JSON.stringify([insuredId, visitDate, visitType, lines]);
  const wanted = bill(message);
  const found = (await queue.list()).find(({ kind, state, content }) =>
    kind === SETTLE && ['WAITING', 'SENDING', 'SETTLED'].includes(state) && content && bill(content.message) === wanted);
  return found?.content.message.requestId === message.requestId ? null : found?.content.message ?? null;
}

/** @returns {Promise<{reply?: object, text?: string}>} */
async function preSettle(message) {
  try {
    const { status, body } = await api.post('/v1/pre-settle', message);
    if (status !== 200) return { text: status === 401 ? '' : body.text || '暂时不能预结算。' };
    return body.decision === 'REFUSED' ? { text: body.reasonText, refused: true } : { reply: body };
  } catch (error) {
    if (!(error instanceof api.NoAnswer)) throw error;
    return { text: '联系不上医保中心，不能预结算；可以先按结算保存，线路恢复后自动上传。' };
  }
}

function Quote({ quote }) {
  if (quote === null) return html`<p class="quote quiet" role="status"></p>`;
  const { reply, text, refused } = quote;
  if (!reply) return html`<${Notice} kind=${refused ? 'error' : 'warning'} text=${text} />`;
  return html`<div class="quote" role="status" aria-label="预结算">
    <p><span class="tag">预结算</span> 仅供参考，以结算结果为准</p>
    <dl><div><dt>政策范围内</dt><dd>${yuan(reply.inScopeFen)}</dd></div>
      <div><dt>起付标准</dt><dd>${yuan(reply.deductibleFen)}</dd></div>
      <div><dt>支付比例</dt><dd>${percent(reply.rateBp)}</dd></div>
      <div><dt>预计基金支付</dt><dd>${yuan(reply.fundPayFen)}</dd></div>
      <div><dt>预计个人支付</dt><dd>${yuan(reply.selfPayFen)}</dd></div></dl>
    ${reply.reasonText && html`<p>${reply.reasonText}</p>`}</div>`;
}
