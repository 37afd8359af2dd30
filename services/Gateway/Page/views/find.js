import { html, useEffect, useRef, useState } from '../vendor/htm-preact.js';
import * as api from '../api.js';
import { today } from '../clock.js';
import { yuan } from '../money.js';
import * as queue from '../queue.js';
import { session } from '../session.js';
import { Field, Notice } from '../ui.js';
import { maskedId } from '../words.js';
import { Cancel } from './entry.js';
import { Receipt } from './receipt.js';

/** A settlement found again by its id, its day or its person. */
export function Find() {
  const [result, setResult] = useState(null);
  const form = useRef(null);
  useEffect(() => form.current.elements.text.focus(), []);
  const submit = async (event) => {
    event.preventDefault();
    const { by, text, from, to } = form.current.elements;
    setResult({ lines: [], text: '正在查找……' });
    setResult(await found(by.value, text.value.trim(), { from: from.value, to: to.value }));
  };
  return html`<section aria-labelledby="find-title"><h1 id="find-title">查找结算</h1>
    <form class="who" ref=${form} onSubmit=${submit}>
      <${Field} id="by" label="按"><select id="by" name="by"><option value="insured">人员编号</option>
        <option value="settlement">结算编号</option><option value="request">请求编号</option></select><//>
      <${Field} id="text" label="编号（不填则列出这些天的全部）"><input id="text" name="text" autocomplete="off" spellcheck=${false} maxlength="60"
        enterkeyhint="search" /><//>
      <${Field} id="from" label="从"><input id="from" name="from" type="date" defaultValue=${today()} max=${today()} /><//>
      <${Field} id="to" label="到"><input id="to" name="to" type="date" defaultValue=${today()} max=${today()} /><//>
      <button class="main">查找</button></form>
    ${result && html`<${Notice} text=${result.text || (result.lines.length === 0 ? '没有找到，请核对编号和日期。' : `找到 ${result.lines.length} 条。`)} />
      ${result.lines.length > 0 && html`<div class="scroll"><table class="list"><caption class="hidden">查找结果</caption>
        <thead><tr><th scope="col">结算时间</th><th scope="col">参保人</th><th scope="col">费用</th><th scope="col">基金支付</th>
          <th scope="col">状态</th><th scope="col">结算编号</th></tr></thead>
        <tbody>${result.lines.map((line) => html`<tr key=${line.settlementId}><td>${line.settledAt}</td><td>${maskedId(line.insuredId)}</td>
          <td>${yuan(line.totalFen)}</td><td>${yuan(line.fundPayFen)}</td><td>${line.stateText}</td>
          <td><a href=${`#settlement/${encodeURIComponent(line.settlementId)}/${encodeURIComponent(line.insuredId)}`}>${
            line.settlementId}</a></td></tr>`)}</tbody></table></div>`}`}
  </section>`;
}

async function found(by, text, days) {
  try {
    const { status, body } = await api.query('/clinic/find', by === 'settlement' ? days : { ...days, [by]: text });
    if (status !== 200) return { lines: [], text: body.text || '暂时不能查找，请稍后再试。' };
    return { lines: body.lines.filter((line) => by !== 'settlement' || text === '' || line.settlementId === text) };
  } catch (error) {
    if (!(error instanceof api.NoAnswer)) throw error;
    return { lines: [], text: '联系不上医保中心，请在线路恢复后再查。' };
  }
}

/** A settlement as the centre has it, wherever it was entered. */
export function Settlement({ settlementId, insuredId, go }) {
  const [read, setRead] = useState(null);
  const [cancelling, setCancelling] = useState(false);
  useEffect(() => { settlementOf(settlementId, insuredId).then(setRead); }, [settlementId, insuredId]);
  if (read === null) return html`<p class="loading" role="status">正在读取……</p>`;
  const { answer, content, text } = read;
  const stands = answer?.decision === 'SETTLED';
  return html`<section class="entry"><${Notice} kind="warning" text=${text ?? ''} />
    ${stands && html`<div class="buttons"><button type="button" onClick=${() => setCancelling(true)}>撤销这笔结算</button></div>`}
    ${answer && html`<${Receipt} answer=${answer} content=${content} cancelled=${!stands && answer.decision !== 'CANCELLED'} focusPrint />`}
    ${cancelling && html`<${Cancel} of=${{ requestId: answer.requestId, insuredId, nameMasked: content?.nameMasked ?? '' }} go=${go}
      onClose=${() => setCancelling(false)} />`}</section>`;
}

async function settlementOf(settlementId, insuredId) {
  try {
    const { status, body } = await api.post('/v1/get-settlement', { facilityCode: session().facilityCode, insuredId, settlementId });
    if (status !== 200) return { text: body.text || '暂时读不到这笔结算，请稍后再试。' };
    const own = await queue.find(body.requestId);
    return body.settlementId && body.totalFen !== '0'
      ? { answer: body, content: own?.content ?? null, text: body.decision === 'REFUSED' ? body.reasonText : '' }
      : { text: body.reasonText };
  } catch (error) {
    if (!(error instanceof api.NoAnswer)) throw error;
    return { text: '联系不上医保中心，请在线路恢复后再查。' };
  }
}
