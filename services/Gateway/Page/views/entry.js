import { html, useEffect, useRef, useState } from '../vendor/htm-preact.js';
import * as e from '../entry.js';
import { newRequestId } from '../ids.js';
import { yuan } from '../money.js';
import * as queue from '../queue.js';
import { session } from '../session.js';
import { Dialog, Field, Notice, State } from '../ui.js';
import { maskedId } from '../words.js';
import { Receipt } from './receipt.js';
import { enterAgain } from './visit.js';

const REASONS = ['项目或数量录错', '参保人信息录错', '患者退费', '重复录入'];

/** One entry of the queue: what has become of it, and what can be done. */
export function Entry({ requestId, go }) {
  const [entry, setEntry] = useState(undefined);
  const [cancelling, setCancelling] = useState(false);
  const [note, setNote] = useState('');
  const heading = useRef(null);
  useEffect(() => {
    const load = async () => setEntry(await queue.find(requestId));
    load();
    return queue.listen(load);
  }, [requestId]);
  // Once there is a receipt, its print button has the focus.
  const printable = entry?.answer != null && (entry.state === e.SETTLED || entry.kind === e.CANCEL);
  useEffect(() => { if (!printable) heading.current?.focus(); }, [entry?.state, printable]);

  if (entry === undefined) return html`<p class="loading" role="status">正在读取……</p>`;
  if (entry === null) return html`<${Notice} kind="error" text="本机没有这一笔，请到“查找”中按编号查询。" />`;
  const settled = entry.answer !== null;
  const message = entry.content?.message;
  const undo = async () => {
    if (!await queue.withdraw(requestId)) setNote('这一笔已经在上传，不能撤回；请等待结果。');
  };

  return html`<section class="entry" aria-labelledby="entry-title">
    <div class="head"><h1 id="entry-title" tabindex="-1" ref=${heading}>
      <${State} entry=${entry} /> ${entry.kind === e.CANCEL ? '撤销' : ''}</h1>
      <${Notice} kind=${entry.state === e.FAILED ? 'error' : 'info'} text=${explanation(entry)} />
      ${entry.text && !(settled && entry.state === e.SETTLED && entry.text === entry.answer?.reasonText)
        && html`<${Notice} kind=${entry.state === e.FAILED ? 'error' : 'warning'} text=${entry.text} />`}
      ${entry.cancelledBy && html`<p><a href=${`#entry/${entry.cancelledBy}`}>查看撤销单</a></p>`}
      <${Notice} kind="error" text=${note} /></div>
    ${message && !settled && html`<p>参保人 ${entry.content.nameMasked} ${maskedId(message.insuredId)}${
      message.totalFen && `，费用合计 ${yuan(message.totalFen)} 元`}，编号 ${requestId}</p>`}
    <div class="buttons">
      <button type="button" onClick=${() => go('visit')}>办理下一位</button>
      ${entry.state === e.SETTLED && entry.content && html`<button type="button" onClick=${() => setCancelling(true)}>撤销这笔结算</button>`}
      ${e.isOpen(entry) && html`<button type="button" onClick=${() => queue.pump()}>立即重试</button>`}
      ${entry.state === e.FAILED && entry.retryable && html`<button type="button"
        onClick=${() => queue.sendAgain(requestId)}>原样重新提交</button>`}
      ${entry.state === e.FAILED && entry.kind === e.SETTLE && e.isCertainlyNotDone(entry) && message
        && html`<button type="button" onClick=${() => { enterAgain(entry.content); go('visit'); }}>修改后重新办理</button>`}
      ${entry.state === e.WAITING && !entry.unknown && html`<button type="button" onClick=${undo}>撤回，不再上传</button>`}
      ${entry.state === e.SENDING && entry.unknown && entry.kind === e.SETTLE && entry.intent === 'DO'
        && html`<button type="button" onClick=${() => queue.giveUp(requestId)}>不再等待，冲正这一笔</button>`}
    </div>
    ${settled && html`<${Receipt} answer=${entry.answer} content=${entry.content} cancelled=${entry.kind === e.SETTLE
      && entry.state === e.CANCELLED} focusPrint=${printable} />`}
    ${cancelling && html`<${Cancel} of=${{ requestId, insuredId: message.insuredId, nameMasked: entry.content.nameMasked }} go=${go}
      onClose=${() => setCancelling(false)} />`}
  </section>`;
}

function explanation(entry) {
  if (entry.reconciled) return '当日已对账，本机不再保存个人信息。';
  switch (entry.state) {
    case e.WAITING: return '已存在本机，尚未上传；线路恢复后自动上传，可以先办理下一位。';
    case e.SENDING:
      if (entry.intent === 'REVERSE') return '结果未知，正在向中心查询并冲正；在显示结果之前请勿另行办理。';
      return entry.unanswered > 0 || entry.text ? '结果未知，正在用原编号向中心查询；请勿重新录入，以免重复。' : '正在办理，请稍候。';
    default: return '';
  }
}

/** Cancels a settlement: a reason is asked, and stands on the slip. */
export function Cancel({ of, go, onClose }) {
  const [reason, setReason] = useState(REASONS[0]);
  const busy = useRef(false);
  const submit = async (event) => {
    event.preventDefault();
    if (busy.current) return;
    busy.current = true;
    const requestId = newRequestId('C');
    const message = {
      requestId, facilityCode: session().facilityCode, insuredId: of.insuredId, originalRequestId: of.requestId,
    };
    const under = await queue.cancellationOf(of.requestId);
    if (!under) await queue.submit(e.CANCEL, { message, names: [], nameMasked: of.nameMasked, reason }, { cancelOf: of.requestId });
    onClose();
    go(`entry/${under ?? requestId}`);
  };
  return html`<${Dialog} title="撤销结算" onClose=${onClose}><form onSubmit=${submit}>
    <p>撤销后基金支付退回，参保人的额度恢复。请先与参保人核对，并退还或补收费用。</p>
    <${Field} id="reason" label="撤销原因"><select id="reason" value=${reason} onChange=${(event) => setReason(event.target.value)}>
      ${REASONS.map((word) => html`<option value=${word}>${word}</option>`)}</select><//>
    <div class="buttons"><button class="main">确认撤销</button><button type="button" onClick=${onClose}>不撤销</button></div></form><//>`;
}
