import { html, useEffect, useState } from '../vendor/htm-preact.js';
import * as api from '../api.js';
import { timeText, today } from '../clock.js';
import { compare } from '../closing.js';
import * as e from '../entry.js';
import { yuan } from '../money.js';
import * as queue from '../queue.js';
import { Field, Notice, State } from '../ui.js';
import { maskedId } from '../words.js';

/** The day's list: what this browser has, what the centre has booked, and at the day's end both compared. */
export function Day() {
  const [date, setDate] = useState(today());
  const [own, setOwn] = useState([]);
  const [centre, setCentre] = useState(null);
  const [result, setResult] = useState(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const load = async () => setOwn((await queue.list()).filter((entry) => e.isOpen(entry) || entry.day === date));
    load();
    return queue.listen(load);
  }, [date]);
  useEffect(() => {
    let stale = false;
    setCentre(null);
    setResult(null);
    booked(date).then((read) => { if (!stale) setCentre(read); });
    return () => { stale = true; };
  }, [date]);

  const known = new Set(own.map((entry) => entry.requestId));
  const others = (centre?.lines ?? []).filter((line) => !known.has(line.requestId));
  const open = own.filter(e.isOpen).length;
  const close = async () => {
    setBusy(true);
    setResult(await compare(date));
    setCentre(await booked(date));
    setBusy(false);
  };

  return html`<section class="day" aria-labelledby="day-title"><h1 id="day-title">当日清单</h1>
    <div class="who"><${Field} id="day" label="日期"><input id="day" type="date" value=${date} max=${today()}
      onChange=${(event) => setDate(event.target.value)} /><//>
      <button type="button" class="main" disabled=${busy} onClick=${close}>日终对账</button></div>
    ${open > 0 && html`<${Notice} kind="warning" text=${`还有 ${open} 笔没有结果，等它们有了结果再对账。`} />`}
    <${Totals} own=${own} date=${date} centre=${centre} />
    <${Notice} kind="warning" text=${centre?.text ?? ''} />
    <${Result} result=${result} />
    <div class="scroll"><table class="list"><caption class="hidden">${date} 的结算</caption>
      <thead><tr><th scope="col">时间</th><th scope="col">参保人</th><th scope="col">费用</th><th scope="col">基金支付</th>
        <th scope="col">状态</th><th scope="col">编号</th></tr></thead>
      <tbody>${own.map((entry) => html`<${Own} key=${entry.requestId} entry=${entry} />`)}
        ${others.map((line) => html`<${Other} key=${line.settlementId} line=${line} />`)}</tbody></table></div>
    ${own.length + others.length === 0 && html`<p>这一天没有记录。</p>`}
  </section>`;
}

async function booked(date) {
  try {
    const { status, body } = await api.query('/clinic/day', { date });
    return status === 200 ? { ...body, lines: body.lines ?? [] } : { lines: [], text: body.text || '暂时读不到中心的清单。' };
  } catch (error) {
    if (!(error instanceof api.NoAnswer)) throw error;
    return { lines: [], text: '联系不上医保中心，以下只有本机记录。' };
  }
}

function Totals({ own, date, centre }) {
  const settled = own.filter((entry) => entry.state === e.SETTLED && entry.day === date);
  const fundPayFen = settled.reduce((total, entry) => total + BigInt(entry.fundPayFen), 0n);
  const totals = centre?.totals;
  return html`<dl class="totals"><div><dt>本机已结算</dt><dd>${settled.length} 笔，基金支付 ${yuan(fundPayFen)} 元</dd></div>
    ${totals && html`<div><dt>中心已入账（净额）</dt><dd>${totals.net} 笔，费用 ${yuan(totals.totalFen)} 元，基金支付 ${
      yuan(totals.fundPayFen)} 元</dd></div>`}</dl>`;
}

const Own = ({ entry }) => html`<tr><td>${timeText(entry.createdAt).slice(11)}</td>
  <td>${entry.content ? `${entry.content.nameMasked} ${maskedId(entry.content.message.insuredId)}` : '（已对账，不再保存）'}</td>
  <td>${entry.content?.message.totalFen ? yuan(entry.content.message.totalFen) : ''}</td>
  <td>${entry.fundPayFen == null ? '' : yuan(entry.fundPayFen)}</td><td><${State} entry=${entry} /></td>
  <td><a href=${`#entry/${entry.requestId}`}>${entry.requestId}</a></td></tr>`;

const Other = ({ line }) => html`<tr><td>${(line.settledAt ?? '').slice(11, 16)}</td><td>${maskedId(line.insuredId)}</td>
  <td>${yuan(line.totalFen)}</td><td>${yuan(line.fundPayFen)}</td><td>${line.stateText}</td>
  <td><a href=${`#settlement/${[line.settlementId, line.insuredId].map(encodeURIComponent).join('/')}`}>${line.requestId}</a></td></tr>`;

function Result({ result }) {
  if (result === null) return html`<div role="status"></div>`;
  const { complete, differences, text } = result;
  return html`<div class="result" role="status">
    ${text && html`<p class=${`notice ${complete ? 'good' : 'warning'}`}>${text}${complete ? '这一天的个人信息已从本机清除。' : ''}</p>`}
    ${differences.length > 0 && html`<div class="scroll"><table class="list">
      <caption>有 ${differences.length} 处不符，请逐条处理</caption>
      <thead><tr><th scope="col">编号</th><th scope="col">差异</th><th scope="col">怎么办</th></tr></thead>
      <tbody>${differences.map((difference) => html`<tr><td>${difference.requestId || difference.settlementId}</td>
        <td>${difference.text}</td><td>${difference.toDo}</td></tr>`)}</tbody></table></div>`}</div>`;
}
