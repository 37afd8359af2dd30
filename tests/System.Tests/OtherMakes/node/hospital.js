// A hospital on grpc-js: hospital.js HOST:PORT PROTO OPERATIONS. Prints the answer to each operation, then one line per case.
'use strict';
const path = require('node:path');
const fs = require('node:fs');
const assert = require('node:assert');
const modules = path.join(process.cwd(), 'node_modules');
const grpc = require(path.join(modules, '@grpc/grpc-js'));
const protoLoader = require(path.join(modules, '@grpc/proto-loader'));

const [address, proto, operations] = process.argv.slice(2);
const { Adjudication } = grpc.loadPackageDefinition(
  protoLoader.loadSync(proto, { longs: Number, enums: String, defaults: true, includeDirs: [path.join(path.dirname(proto), '..', '..')] })).claims.v1;
const plain = new Adjudication(address, grpc.credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });
const gzip = new Adjudication(address, grpc.credentials.createInsecure(), { 'grpc.enable_http_proxy': 0, 'grpc.default_compression_algorithm': 2 });
const limit = () => ({ deadline: Date.now() + 20_000 });

const ask = (method, fields, client = plain) => new Promise((resolve, reject) => {
  client[method](fields, new grpc.Metadata(), limit(), (error, reply) => (error ? reject(error) : resolve(reply)));
});

async function failureOf(promise) {
  return promise.then(() => { throw new Error('no error'); }, (failure) => failure);
}

// A hundred of ten insured, each insured's ten among the others'.
const visits = (prefix) => Array.from({ length: 100 }, (_, number) => ({
  requestId: `${prefix}${String(number).padStart(3, '0')}`,
  facilityCode: 'H41010000004',
  insuredId: `P${String((number % 10) + 1).padStart(2, '0')}`,
  visitDate: `2025-06-${String(Math.floor(number / 10) + 1).padStart(2, '0')}`,
  visitType: 'ORDINARY',
  totalFen: 1000 + number,
  inScopeFen: 1000 + number,
}));

function streamed(sent) {
  return new Promise((resolve, reject) => {
    const answers = [];
    const call = plain.SettleStream(new grpc.Metadata(), limit());
    call.on('data', (answer) => answers.push(answer));
    call.on('error', reject);
    call.on('end', () => resolve(answers));
    for (const visit of sent) call.write(visit);
    call.end();
  });
}

const cases = {
  async stream_answers_each_visit_in_the_insureds_order_and_a_repeat_alike() {
    const sent = visits('js');
    const first = await streamed(sent);
    const again = await streamed(sent);
    for (const answers of [first, again]) {
      assert.strictEqual(answers.length, sent.length);
      for (const insured of new Set(sent.map((visit) => visit.insuredId))) {
        const ids = (list) => list.filter((one) => one.insuredId === insured).map((one) => one.requestId);
        assert.deepStrictEqual(ids(answers), ids(sent));
      }
    }
    assert.ok(first.every((answer) => !answer.replayed) && again.every((answer) => answer.replayed));
    const known = (answers) => Object.fromEntries(answers.map((answer) => [answer.requestId, [answer.settlementId, answer.fundPayFen]]));
    assert.deepStrictEqual(known(again), known(first));
  },
  async stream_that_breaks_leaves_answers_that_are_found_again() {
    const [visit] = visits('jz');
    const call = plain.SettleStream(new grpc.Metadata(), limit());
    const answer = await new Promise((resolve, reject) => {
      call.once('data', resolve);
      call.on('error', reject);
      call.write(visit);
    });
    call.cancel();
    const found = await ask('GetSettlement', { facilityCode: visit.facilityCode, insuredId: visit.insuredId, requestId: visit.requestId });
    assert.notStrictEqual(answer.settlementId, '');
    assert.strictEqual(found.settlementId, answer.settlementId);
  },
  async status_tells_the_clerk_in_chinese() {
    const failure = await failureOf(ask('GetAccumulators', { insuredId: 'P01', year: 12 }));
    assert.deepStrictEqual([failure.code, failure.details], [grpc.status.INVALID_ARGUMENT, '请求字段 year 应为四位年份。']);
  },
  async method_of_another_version_is_unimplemented() {
    const same = (buffer) => buffer;
    const failure = await failureOf(new Promise((resolve, reject) => {
      plain.makeUnaryRequest('/claims.v1.Adjudication/SettleTwice', same, same, Buffer.alloc(0), new grpc.Metadata(), limit(),
        (error, reply) => (error ? reject(error) : resolve(reply)));
    }));
    assert.strictEqual(failure.code, grpc.status.UNIMPLEMENTED);
  },
  async compressed_request_is_answered() {
    assert.strictEqual((await ask('GetAccumulators', { insuredId: 'P01', year: 2025 }, gzip)).capFen, 30000);
  },
};

async function main() {
  for (const line of fs.readFileSync(operations, 'utf8').trim().split('\n')) {
    const [[operation, fields]] = Object.entries(JSON.parse(line));
    console.log(JSON.stringify({ [operation]: await ask(operation, fields) }));
  }
  for (const [name, run] of Object.entries(cases)) {
    const failure = await run().then(() => null, (error) => `${error.stack}`);
    console.log(JSON.stringify({ case: name, failure }));
  }
  plain.close();
  gzip.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
