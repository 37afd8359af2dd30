// A card reader or scanner types a line faster than a hand can, and ends it with Enter.

const FASTEST_HAND_MS = 35;
const SHORTEST_LINE = 8;

/**
 * Takes scanned lines out of whatever field has the focus and gives them to `scanned`.
 * @param keeps whether the field that has the focus wants the line itself
 * @returns what stops it
 */
export function onScan(scanned, keeps) {
  let line = '';
  let last = -Infinity;
  let field = null;
  let before = '';
  const key = (event) => {
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    const fast = event.timeStamp - last < FASTEST_HAND_MS;
    last = event.timeStamp;
    if (event.key.length === 1) {
      if (!fast || event.target !== field) {
        line = '';
        field = event.target;
        before = field.value;
      }
      line += event.key;
    } else if (event.key === 'Enter' && fast && line.length >= SHORTEST_LINE && !keeps(field)) {
      event.preventDefault();
      event.stopPropagation();
      if (before !== undefined && field.value !== before) {
        field.value = before;
        field.dispatchEvent(new Event('input', { bubbles: true }));
      }
      scanned(line);
      line = '';
    } else if (event.key !== 'Shift') {
      line = '';
    }
  };
  addEventListener('keydown', key, true);
  return () => removeEventListener('keydown', key, true);
}
