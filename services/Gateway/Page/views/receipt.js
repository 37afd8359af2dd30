import { html, useEffect, useLayoutEffect, useRef, useState } from '../vendor/htm-preact.js';
import { percent, yuan } from '../money.js';
import { session } from '../session.js';
import { maskedId, PARTS, steps, VISIT_TYPES } from '../words.js';
import { Lines } from './items.js';

const ROLL_MM = 58;
const MARGIN_MM = 2;
const SLACK = 1.04;
const PAPER = 'claims-clinic-paper';
const MM_PER_PIXEL = 25.4 / 96;

/**
 * What the insured takes home, for A5 or a roll of 58 mm.
 * @param answer SettleReply of the settlement, or of its cancellation: then every amount is negative
 * @param content {message, names, nameMasked, reason}, where this browser has entered it
 */
export function Receipt({ answer, content, cancelled, focusPrint }) {
  const [paper, setPaper] = useState(localStorage.getItem(PAPER) === 'roll' ? 'roll' : 'a5');
  const sheet = useRef(null);
  const print = useRef(null);
  useEffect(() => { if (focusPrint) print.current.focus(); }, []);
  // Before the browser draws: whoever prints at once prints on this paper.
  useLayoutEffect(() => {
    localStorage.setItem(PAPER, paper);
    document.documentElement.dataset.paper = paper;
    const page = new CSSStyleSheet();
    page.replaceSync(pageRule(paper, sheet.current));
    document.adoptedStyleSheets = [page];
    return () => {
      document.adoptedStyleSheets = [];
      delete document.documentElement.dataset.paper;
    };
  }, [paper, answer]);

  const undone = answer.decision === 'CANCELLED';
  const lines = content?.message.lines?.map((line, place) => ({ ...line, ...content.names[place] })) ?? [];
  return html`<div class="printing">
    <div class="buttons paper-choice"><button type="button" class="main" ref=${print} onClick=${() => window.print()}>打印</button>
      <fieldset><legend class="hidden">纸张</legend>
        ${[['a5', 'A5'], ['roll', '58 毫米小票']].map(([value, word]) => html`<label><input type="radio" name="paper" value=${value}
          checked=${paper === value} onChange=${() => setPaper(value)} /> ${word}</label>`)}</fieldset></div>
    <article class="receipt" ref=${sheet} aria-label=${undone ? '撤销单' : '结算单'}>
      <h2>${undone ? '居民医保门诊撤销单' : '居民医保门诊结算单'}</h2>
      ${cancelled && html`<p class="void">本结算已撤销</p>`}
      <dl class="facts">
        <${Fact} name="机构" value=${`${session().facilityName}（${answer.facilityCode}）`} />
        <${Fact} name="结算编号" value=${answer.settlementId} />
        <${Fact} name="结算时间" value=${(answer.settledAt ?? '').slice(0, 19).replace('T', ' ')} />
        <${Fact} name="参保人" value=${`${content?.nameMasked ?? ''} ${maskedId(answer.insuredId)}`} />
        <${Fact} name="就诊日期" value=${answer.visitDate} />
        <${Fact} name="就诊类型" value=${VISIT_TYPES[answer.visitType] ?? answer.visitType} />
        <${Fact} name="请求编号" value=${answer.requestId} wide />
        ${content?.reason && html`<${Fact} name="撤销原因" value=${content.reason} />`}
      </dl>
      ${lines.length > 0 && html`<${Lines} lines=${lines} />`}
      <table class="amounts"><caption class="hidden">金额（元）</caption><tbody>
        <${Amount} name="费用总额" fen=${answer.totalFen} />
        ${PARTS.map(([field, word]) => html`<${Amount} name=${word} fen=${answer[field]} part />`)}
        <${Amount} name="本次起付标准" fen=${answer.deductibleFen} />
        <tr><th scope="row">支付比例</th><td>${percent(answer.rateBp)}</td></tr>
        <${Amount} name="统筹基金支付" fen=${answer.fundPayFen} strong />
        <${Amount} name="个人支付" fen=${answer.selfPayFen} strong />
        ${capped(answer) && html`<tr><th scope="row">年度剩余额度</th>
          <td>${answer.capRemainingFen == null ? '未知' : yuan(answer.capRemainingFen)}</td></tr>`}
      </tbody></table>
      ${answer.reasonText && html`<p class="reason">${answer.reasonText}</p>`}
      <h3>计算过程与依据</h3>
      <ol class="steps">${steps(answer.trace).map((step) => html`<li>${step}</li>`)}</ol>
      <p class="signs"><span>经办人：${session().clerk}</span><span>参保人签字：</span></p>
    </article></div>`;
}

// A policy without a limit of the year says 0 and nothing of what is left; how its own limits stand is among the steps.
const capped = (answer) => answer.capRemainingFen != null || Number(answer.capFen ?? 0) > 0;

const Fact = ({ name, value, wide }) => html`<div class=${wide ? 'wide' : ''}><dt>${name}</dt><dd>${value}</dd></div>`;

const Amount = ({ name, fen, part, strong }) => html`<tr class=${part ? 'part' : strong ? 'strong' : ''}><th scope="row">${name}</th>
  <td>${yuan(fen)}</td></tr>`;

// A roll has no pages: the page is as long as what is printed. The sheet is as wide on the screen as on paper, and a printer's letters may
// run a little wider.
function pageRule(paper, sheet) {
  if (paper === 'a5') return '@page { size: A5 portrait; margin: 10mm; }';
  const heightMm = Math.ceil(sheet.getBoundingClientRect().height * MM_PER_PIXEL * SLACK) + 2 * MARGIN_MM;
  return `@page { size: ${ROLL_MM}mm ${heightMm}mm; margin: ${MARGIN_MM}mm; }`;
}
