import { html, useLayoutEffect, useRef, useState } from '../vendor/htm-preact.js';
import { search } from '../catalogue.js';
import { amountFen, pieces, priceMilliFen, quantityE4, yuan, yuanOfMilliFen } from '../money.js';
import { keepPrice } from '../store.js';
import { Notice, toCorrect } from '../ui.js';
import { itemClass } from '../words.js';

const TYPING_MS = 120;

/**
 * One line of keys adds an item: initials, Enter, quantity, Enter, price, Enter. Enter on an empty search goes on to settling.
 * A hand is faster than the line: what is typed while the catalogue is asked goes where it would have gone, in its order.
 * @param lines [{itemCode, name, class, unitPriceMilliFen, quantityE4, amountFen}]
 * @param aheadRef the keys typed while the catalogue is asked, null when it is not
 */
export function Items({ lines, date, searchRef, aheadRef: ahead, onAdd, onRemove, onDone }) {
  const [typed, setTyped] = useState('');
  const [hits, setHits] = useState([]);
  const [at, setAt] = useState(0);
  const [chosen, setChosen] = useState(null);
  const [fault, setFault] = useState('');
  const quantity = useRef(null);
  const price = useRef(null);
  const asked = useRef({ text: '', answer: Promise.resolve([]) });
  const timer = useRef(0);

  const ask = (text) => {
    if (asked.current.text === text) return asked.current.answer;
    const answer = search(text, date).then(({ items, away }) => {
      if (asked.current.text === text) {
        setHits(items);
        setAt(0);
        setFault(items.length > 0 || text === '' ? '' : away ? '联系不上医保中心，本机也没有见过这个项目。' : '目录中没有这个项目，请核对首字母或编码。');
      }
      return items;
    });
    asked.current = { text, answer };
    return answer;
  };

  const type = (event) => {
    const text = event.target.value;
    setTyped(text);
    ahead.current = null;
    clearTimeout(timer.current);
    if (text.trim() === '') {
      asked.current = { text: '', answer: Promise.resolve([]) };
      setHits([]);
      setFault('');
      return;
    }
    timer.current = setTimeout(() => ask(text.trim()), TYPING_MS);
  };

  const choose = (item) => {
    setChosen(item);
    setHits([]);
    setTyped('');
    asked.current = { text: '', answer: Promise.resolve([]) };
  };
  useLayoutEffect(() => {
    if (!chosen) return;
    const keys = ahead.current ?? [];
    toCorrect(quantity.current);
    for (const key of keys) press(key);
  }, [chosen]);

  const searchKey = async (event) => {
    if (event.isComposing) return;
    if (ahead.current !== null) {
      if (event.key === 'Escape') ahead.current = null;
      if (event.key !== 'Enter' && (event.key.length > 1 || event.ctrlKey || event.altKey || event.metaKey)) return;
      event.preventDefault();
      ahead.current.push(event.key);
      return;
    }
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (hits.length > 0) setAt((at + (event.key === 'ArrowDown' ? 1 : hits.length - 1)) % hits.length);
    } else if (event.key === 'Escape') {
      setHits([]);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      const text = event.target.value.trim();
      if (text === '') {
        onDone();
        return;
      }
      clearTimeout(timer.current);
      const place = asked.current.text === text ? at : 0;
      const keys = [];
      ahead.current = keys;
      let found = [];
      try {
        found = await ask(text);
      } finally {
        if (found.length === 0 && ahead.current === keys) ahead.current = null;
      }
      if (ahead.current === keys) choose(found[Math.min(place, found.length - 1)]);
    }
  };

  // Nothing is waited for: a second press must not add the line again.
  const add = (event) => {
    event.preventDefault();
    const e4 = quantityE4(quantity.current.value);
    const milliFen = priceMilliFen(price.current.value);
    if (e4 === null) {
      setFault('数量应为大于 0 的数，最多四位小数。');
      toCorrect(quantity.current);
      return;
    }
    if (milliFen === null) {
      setFault('单价应为大于 0 的金额（元），最多五位小数。');
      toCorrect(price.current);
      return;
    }
    setFault('');
    keepPrice(chosen.itemCode, yuanOfMilliFen(milliFen));
    onAdd({
      itemCode: chosen.itemCode, name: chosen.name, class: itemClass(chosen),
      unitPriceMilliFen: String(milliFen), quantityE4: String(e4), amountFen: String(amountFen(milliFen, e4)),
    });
    setChosen(null);
    searchRef.current.focus();
  };

  const quantityKey = (event) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    toCorrect(price.current);
  };
  const priceKey = (event) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    event.target.form.requestSubmit();
  };
  const backKey = (event) => {
    if (event.key !== 'Escape') return;
    setChosen(null);
    searchRef.current.focus();
  };

  return html`<section aria-labelledby="items-title">
    <h2 id="items-title">费用明细</h2>
    <div class="field"><label for="item">项目（拼音首字母、编码或名称）</label>
      <input id="item" ref=${searchRef} role="combobox" aria-expanded=${hits.length > 0} aria-controls="hits" aria-autocomplete="list"
        aria-activedescendant=${hits.length > 0 ? `hit-${at}` : ''} aria-describedby="item-fault" autocomplete="off" spellcheck=${false}
        autocapitalize="off" enterkeyhint="next" value=${typed} onInput=${type} onKeyDown=${searchKey}
        onBlur=${() => { ahead.current = null; }} />
      <ul id="hits" role="listbox" aria-label="目录项目" hidden=${hits.length === 0}>
        ${hits.map((item, place) => html`<li key=${item.itemCode} id=${`hit-${place}`} role="option" aria-selected=${place === at}
          onMouseDown=${(event) => { event.preventDefault(); choose(item); }}>
          <${Class} of=${itemClass(item)} /> <span class="name">${item.name}</span> <code>${item.itemCode}</code>
          <span class="limit">${limitText(item)}</span></li>`)}
      </ul></div>
    ${chosen && html`<form class="adding" onSubmit=${add} onKeyDown=${backKey} aria-label=${`录入 ${chosen.name}`}>
      <p><${Class} of=${itemClass(chosen)} /> <strong>${chosen.name}</strong> <span class="limit">${limitText(chosen)}</span></p>
      <div class="field small"><label for="quantity">数量</label><input id="quantity" ref=${quantity} inputmode="decimal" autocomplete="off"
        defaultValue="1" onKeyDown=${quantityKey} enterkeyhint="next" /></div>
      <div class="field small"><label for="price">单价（元）</label><input id="price" ref=${price} inputmode="decimal" autocomplete="off"
        defaultValue=${chosen.price ?? ''} onKeyDown=${priceKey} enterkeyhint="done" /></div>
      <button>加入</button></form>`}
    <${Notice} id="item-fault" kind="error" text=${fault} />
    ${lines.length > 0 && html`<${Lines} lines=${lines} onRemove=${onRemove} />`}
  </section>`;
}

const Class = ({ of }) => html`<span class="class" aria-label=${`${of}类`}>${of}</span>`;

/** A key as if it were pressed now, in the field that has the focus. */
function press(key) {
  const field = document.activeElement;
  const goesOn = field.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  if (!goesOn || key.length > 1 || !field.setRangeText) return;
  field.setRangeText(key, field.selectionStart, field.selectionEnd, 'end');
  field.dispatchEvent(new InputEvent('input', { bubbles: true, data: key }));
}

function limitText(item) {
  const limit = item.priceLimitMilliFen;
  const parts = [];
  if (limit && limit !== '0') parts.push(`限价 ${yuanOfMilliFen(limit)} 元`);
  if (item.firstSelfPayBasisPoints > 0) parts.push(`先行自付 ${item.firstSelfPayBasisPoints / 100}%`);
  return parts.join('，');
}

export function Lines({ lines, onRemove }) {
  return html`<div class="scroll"><table class="lines"><caption class="hidden">费用明细</caption>
    <thead><tr><th scope="col">项目</th><th scope="col">类</th><th scope="col">数量</th><th scope="col">单价</th><th scope="col">金额</th>
      ${onRemove && html`<th scope="col"><span class="hidden">操作</span></th>`}</tr></thead>
    <tbody>${lines.map((line, place) => html`<tr key=${place}><td>${line.name}</td><td>${line.class}</td><td>${pieces(line.quantityE4)}</td>
      <td>${yuanOfMilliFen(line.unitPriceMilliFen)}</td><td>${yuan(line.amountFen)}</td>
      ${onRemove && html`<td><button type="button" class="link" onClick=${() => onRemove(place)}
        aria-label=${`删除 ${line.name}`}>删除</button></td>`}</tr>`)}</tbody></table></div>`;
}
