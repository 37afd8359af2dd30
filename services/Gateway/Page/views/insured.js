import { html } from '../vendor/htm-preact.js';
import * as api from '../api.js';
import { yuan } from '../money.js';
import { Notice } from '../ui.js';

/** @returns {Promise<{found?: object, text?: string, refused?: boolean}>} who it is and how the year stands, or a sentence */
export async function lookUp(insuredId, date) {
  try {
    const { status, body } = await api.query(`/clinic/insured/${encodeURIComponent(insuredId)}`, { date });
    if (status === 200) return { found: body, text: body.covered ? '' : body.text, refused: !body.covered };
    return { text: body.text || '未能查询参保情况，请稍后再试。', refused: status < 429 };
  } catch (error) {
    if (!(error instanceof api.NoAnswer)) throw error;
    return { text: '联系不上医保中心，参保情况未核实；仍可录入费用，线路恢复后自动结算。' };
  }
}

/** Name, cover and the year's limit as a bar. */
export function Insured({ known }) {
  if (known === null) return html`<div class="insured empty">请刷卡、扫码或输入人员编号</div>`;
  const { found, text, refused } = known;
  return html`<div class=${`insured ${refused ? 'refused' : ''}`}>
    ${found && html`<p><strong data-test="name">${found.nameMasked}</strong>
      <span class=${found.covered ? 'covered' : 'uncovered'}>${found.covered ? '就诊当日享受待遇' : '就诊当日不能报销'}</span></p>`}
    ${found?.covered && html`<${Year} found=${found} />`}
    <${Notice} kind=${refused ? 'error' : 'warning'} text=${text ?? ''} />
  </div>`;
}

function Year({ found }) {
  if (found.capped === false) return null;
  if (!found.capRemainingKnown) return html`<p>年度剩余额度：暂时未知</p>`;
  return html`<p class="year"><meter min="0" max=${found.capFen} value=${found.usedFen} aria-label="本年度门诊统筹额度已用"></meter>
    <span>年度限额 ${yuan(found.capFen)} 元，已用 ${yuan(found.usedFen)} 元，<strong>剩余 ${yuan(found.capRemainingFen)} 元</strong></span></p>`;
}
