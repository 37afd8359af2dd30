// A hospital's day on @grpc/grpc-js: node hospital.js [ADJUDICATION [GATEWAY [FACILITY [INSURED [VISIT_DATE [PROTOS]]]]]]
// PROTOS is the directory protos of this repository. Before the first run: npm install @grpc/grpc-js @grpc/proto-loader
'use strict';
const path = require('node:path');
const { createRequire } = require('node:module');
const require_ = createRequire(path.join(process.cwd(), 'hospital.js'));
const grpc = require_('@grpc/grpc-js');
const protoLoader = require_('@grpc/proto-loader');

const given = process.argv.slice(2);
const [adjudicationAddress, gateway, facilityCode, insuredId, visitDate, protos] = [
  '127.0.0.1:5101', 'http://127.0.0.1:5104', 'H41010500001', 'P0000001', '2025-06-18', path.join(__dirname, '..', '..', 'protos'),
].map((otherwise, index) => given[index] ?? otherwise);
// A request id is used once, for ever: this run's begin with the time.
const run = `N${Date.now().toString(16)}`;
const ANSWER_MILLISECONDS = 10_000;

// int64 as strings: a double rounds what has more than 15 digits.
const options = { longs: String, enums: String, defaults: true, includeDirs: [protos] };
const { Adjudication } = grpc.loadPackageDefinition(protoLoader.loadSync('claims/v1/adjudication.proto', options)).claims.v1;
// With mutual TLS: grpc.credentials.createSsl(authority, key, certificate), and nothing else changes.
const client = new Adjudication(adjudicationAddress, grpc.credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });
const deadline = () => ({ deadline: Date.now() + ANSWER_MILLISECONDS });

const ask = (method, fields) => new Promise((resolve, reject) => {
  client[method]({ facilityCode, insuredId, ...fields }, new grpc.Metadata(), deadline(),
    (error, reply) => (error ? reject(error) : resolve(reply)));
});

// Kept word for word until its answer is in: after a broken line the same request goes out again.
const visit = (number, totalFen) => ({
  facilityCode, insuredId, requestId: `${run}-${number}`, visitDate, visitType: 'ORDINARY', totalFen, inScopeFen: totalFen,
});

const stream = (visits) => new Promise((resolve, reject) => {
  const replies = [];
  const call = client.SettleStream(new grpc.Metadata(), deadline());
  call.on('data', (reply) => replies.push(reply));
  call.on('error', reject);
  call.on('end', () => resolve(replies));
  visits.forEach((one) => call.write(one));
  call.end();
});

const breakLine = (one) => new Promise((resolve) => {
  const call = client.SettleStream(new grpc.Metadata(), deadline());
  call.on('error', resolve);
  call.write(one, () => call.cancel());
});

// What was answered is what stands in the hospital's own books.
const books = [];
function enter(reply) {
  const { settlementId, requestId, visitType, totalFen, fundPayFen } = reply;
  const kind = reply.decision === 'CANCELLED' ? 'CANCEL' : 'SETTLE';
  books.push({ kind, settlementId, requestId, insuredId: reply.insuredId, visitType, totalFen, fundPayFen });
}

async function post(name, body) {
  const answer = await fetch(`${gateway}/v1/${name}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_MILLISECONDS),
  });
  const message = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(`${answer.status} ${message.code} ${message.text}`), { status: answer.status });
  return message;
}

// In earnest once, after midnight, for the day before. Here the books may be a moment behind the last answer.
async function reconcile() {
  const today = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10);
  const scope = { facilityCode, period: { from: today, to: today } };
  const sum = (amount) => String(books.reduce((all, line) => all + BigInt(amount(line)), 0n));
  const totals = {
    count: sum((line) => (line.kind === 'CANCEL' ? -1 : 1)),
    totalFen: sum((line) => line.totalFen),
    fundPayFen: sum((line) => line.fundPayFen),
  };
  const until = Date.now() + 30_000;
  let outcome;
  do {
    // Until its first settlement is booked, the books do not know the facility.
    ({ outcome } = await post('reconcile-totals', { ...scope, figures: [{ totals }] }).catch((error) => {
      if (error.status !== 404 || Date.now() > until) throw error;
      return { outcome: 'NOT_IN_THE_BOOKS' };
    }));
    if (outcome !== 'BALANCED') await new Promise((resolve) => setTimeout(resolve, 200));
  } while (outcome !== 'BALANCED' && Date.now() < until);
  console.log('totals', outcome);
  // Totals balance too while a visit and its cancellation are both still on their way: only the lines tell that all is booked.
  let { summary, differences } = await post('reconcile-lines', { scope, lines: books });
  while (!summary.reconciled && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    ({ summary, differences } = await post('reconcile-lines', { scope, lines: books }));
  }
  differences.forEach((difference) => console.log(difference.causeText, difference.actionText));
  console.log('lines', summary.reconciled ? 'reconciled' : 'differ');
}

async function main() {
  // 1. One visit. A refusal is an answer too: reasonText is for the cashier.
  const first = await ask('Settle', visit(1, 12000));
  enter(first);
  console.log('settle', first.decision, first.totalFen, first.fundPayFen);

  // 2. Many over one stream: answers come as they are ready, those of one insured in order.
  const replies = await stream([2, 3, 4].map((number) => visit(number, 3000)));
  replies.forEach(enter);
  console.log('stream', ...replies.map((reply) => reply.decision));

  // 3. The line breaks before the answer: nothing is known, so the same request again, under the same request id.
  await breakLine(visit(5, 4000));
  const found = await ask('Settle', visit(5, 4000));
  const again = await ask('Settle', visit(5, 4000));
  enter(found);
  console.log('repeat', again.decision, again.replayed ? 'replayed' : 'anew', again.settlementId === found.settlementId ? 'same' : 'other');

  // 4. The patient gives the visit back: a cancellation mirrors the settlement.
  const cancelled = await ask('Cancel', { requestId: `${run}-6`, settlementId: found.settlementId });
  enter(cancelled);
  console.log('cancel', cancelled.decision, cancelled.totalFen);

  // 5. No answer, and the patient is gone: undo whatever the request has done. The books have neither of the two.
  await ask('Settle', visit(7, 5000));
  const undone = await ask('Reverse', { requestId: `${run}-8`, originalRequestId: `${run}-7` });
  console.log('reverse', undone.outcome);

  await reconcile();
  client.close();
}

main().catch((error) => { console.error(error); process.exit(1); });
