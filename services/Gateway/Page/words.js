// Words of the contract as the clinic reads them.

export const VISIT_TYPES = {
  ORDINARY: '普通门诊', PRENATAL_CHECK: '产前检查', DELIVERY_NATURAL: '自然分娩', DELIVERY_CAESAREAN: '剖宫产',
};

export const ITEM_CLASSES = { CLASS_A: '甲', CLASS_B: '乙', CLASS_C: '丙', A: '甲', B: '乙', C: '丙' };

/** 甲, 乙, 丙, in whichever form the catalogue has it. */
export const itemClass = (item) => ITEM_CLASSES[item.class] ?? item.class ?? '';

/** The four parts of an amount, and no other. */
export const PARTS = [
  ['fullSelfPayFen', '全自费'], ['overLimitFen', '超限价'], ['preSelfPayFen', '先行自付'], ['inScopeFen', '政策范围内费用'],
];

/** ***1234: an id on paper and in lists shows its last four, and nothing where that were all of it. */
export const maskedId = (insuredId) => (insuredId?.length > 4 ? `***${insuredId.slice(-4)}` : '***');

/** The calculation, a step each: it numbers its steps 一、二、… and （11）、（12）、 */
export const steps = (trace) => (trace ?? '').split(/(?=(?:(?<=^|。)[一二三四五六七八九十]|（\d+）)、)/).filter((step) => step !== '');
