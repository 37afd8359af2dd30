// Runs the interoperability cases against a server: interop_client.js HOST:PORT PROTO CASES. One JSON line per case.
'use strict';
const path = require('node:path');
const assert = require('node:assert');
const modules = path.join(process.cwd(), 'node_modules');
const grpc = require(path.join(modules, '@grpc/grpc-js'));
const protoLoader = require(path.join(modules, '@grpc/proto-loader'));

const REQUEST_BYTES = [27182, 8, 1828, 45904];
const RESPONSE_BYTES = [31415, 9, 2653, 58979];
const UNICODE_MESSAGE = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈, 处方\t\n';
const INITIAL_KEY = 'x-grpc-test-echo-initial';
const TRAILING_KEY = 'x-grpc-test-echo-trailing-bin';

const [address, proto, names] = process.argv.slice(2);
const loaded = grpc.loadPackageDefinition(protoLoader.loadSync(proto, { keepCase: true, longs: Number })).claims.grpctest.v1;
const client = new loaded.TestService(address, grpc.credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });
const gzipClient = new loaded.TestService(address, grpc.credentials.createInsecure(),
  { 'grpc.enable_http_proxy': 0, 'grpc.default_compression_algorithm': 2 });
const stranger = new loaded.UnimplementedService(address, grpc.credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });

const limit = () => ({ deadline: Date.now() + 20_000 });
const payload = (bytes) => ({ body: Buffer.alloc(bytes) });
const ping = (responseBytes, requestBytes = 1, sleepMilliseconds = 0) => ({
  response_parameters: [{ bytes: responseBytes, sleep_milliseconds: sleepMilliseconds }],
  payload: payload(requestBytes),
});

function unary(method, request, metadata = new grpc.Metadata(), on = client) {
  return new Promise((resolve, reject) => {
    const seen = {};
    const call = on[method](request, metadata, limit(), (error, response) => {
      seen.response = response;
      if (error) reject(error);
    });
    call.on('metadata', (initial) => { seen.initial = initial; });
    call.on('status', (status) => { seen.status = status; if (status.code === 0) setImmediate(() => resolve(seen)); });
  });
}

// A duplex or server-streaming call as an iterator of responses that ends with the call's status.
function collected(call) {
  const seen = { responses: [] };
  return new Promise((resolve) => {
    call.on('metadata', (initial) => { seen.initial = initial; });
    call.on('data', (response) => seen.responses.push(response));
    call.on('error', (error) => { seen.error = error; });
    call.on('status', (status) => { seen.status = status; setImmediate(() => resolve(seen)); });
  });
}

async function rejectedWith(code, promise) {
  const error = await promise.then(() => { throw new Error(`no error, not ${code}`); }, (failure) => failure);
  assert.strictEqual(error.code, code, `${error.code} ${error.details}`);
  return error;
}

function streamInput(on) {
  return new Promise((resolve, reject) => {
    const call = on.StreamingInputCall(new grpc.Metadata(), limit(), (error, response) => (error ? reject(error) : resolve(response)));
    for (const size of REQUEST_BYTES) call.write({ payload: payload(size) });
    call.end();
  });
}

async function statusWith(message) {
  const status = { code: 2, message };
  const failure = await rejectedWith(2, unary('UnaryCall', { response_status: status }));
  assert.strictEqual(failure.details, message);
  const call = client.FullDuplexCall(new grpc.Metadata(), limit());
  const end = collected(call);
  call.write({ response_status: status });
  call.end();
  const seen = await end;
  assert.strictEqual(seen.status.code, 2);
  assert.strictEqual(seen.status.details, message);
}

const cases = {
  async empty_unary() { await unary('EmptyCall', {}); },
  async large_unary() {
    const { response } = await unary('UnaryCall', { response_bytes: 314159, payload: payload(271828) });
    assert.ok(response.payload.body.equals(Buffer.alloc(314159)));
  },
  async client_streaming() {
    const response = await streamInput(client);
    assert.strictEqual(response.aggregated_payload_bytes, REQUEST_BYTES.reduce((a, b) => a + b));
  },
  async server_streaming() {
    const seen = await collected(client.StreamingOutputCall({ response_parameters: RESPONSE_BYTES.map((bytes) => ({ bytes })) }, new grpc.Metadata(), limit()));
    assert.deepStrictEqual(seen.responses.map((each) => each.payload.body.length), RESPONSE_BYTES);
    assert.strictEqual(seen.status.code, 0);
  },
  async ping_pong() {
    const call = client.FullDuplexCall(new grpc.Metadata(), limit());
    const sizes = [];
    call.on('data', (response) => {
      sizes.push(response.payload.body.length);
      if (sizes.length < RESPONSE_BYTES.length) call.write(ping(RESPONSE_BYTES[sizes.length], REQUEST_BYTES[sizes.length]));
      else call.end();
    });
    const end = collected(call);
    call.write(ping(RESPONSE_BYTES[0], REQUEST_BYTES[0]));
    assert.strictEqual((await end).status.code, 0);
    assert.deepStrictEqual(sizes, RESPONSE_BYTES);
  },
  async empty_stream() {
    const call = client.FullDuplexCall(new grpc.Metadata(), limit());
    const end = collected(call);
    call.end();
    const seen = await end;
    assert.strictEqual(seen.status.code, 0);
    assert.strictEqual(seen.responses.length, 0);
  },
  async cancel_after_begin() {
    await rejectedWith(1, new Promise((resolve, reject) => {
      const call = client.StreamingInputCall(new grpc.Metadata(), limit(), (error, response) => (error ? reject(error) : resolve(response)));
      setImmediate(() => call.cancel());
    }));
  },
  async cancel_after_first_response() {
    const call = client.FullDuplexCall(new grpc.Metadata(), limit());
    const end = collected(call);
    call.once('data', () => call.cancel());
    call.write(ping(31415, 27182));
    assert.strictEqual((await end).status.code, 1);
  },
  async timeout_on_sleeping_server() {
    const call = client.FullDuplexCall(new grpc.Metadata(), { deadline: Date.now() + 50 });
    const end = collected(call);
    call.write(ping(1, 27182, 30_000));
    assert.strictEqual((await end).status.code, 4);
  },
  async status_code_and_message() { await statusWith('test status message'); },
  async special_status_message() { await statusWith(UNICODE_MESSAGE); },
  async unimplemented_method() { await rejectedWith(12, unary('UnimplementedCall', {})); },
  async unimplemented_service() { await rejectedWith(12, unary('UnimplementedCall', {}, new grpc.Metadata(), stranger)); },
  async custom_metadata() {
    const trailing = Buffer.from([0xab, 0xab, 0xab, 0x00, 0xff]);
    const metadata = new grpc.Metadata();
    metadata.set(INITIAL_KEY, 'test_initial_metadata_value');
    metadata.set(TRAILING_KEY, trailing);
    const one = await unary('UnaryCall', { response_bytes: 1 }, metadata);
    assert.deepStrictEqual(one.initial.get(INITIAL_KEY), ['test_initial_metadata_value']);
    assert.ok(one.status.metadata.get(TRAILING_KEY)[0].equals(trailing));
    const call = client.FullDuplexCall(metadata, limit());
    const end = collected(call);
    call.write(ping(1));
    call.end();
    const seen = await end;
    assert.deepStrictEqual(seen.initial.get(INITIAL_KEY), ['test_initial_metadata_value']);
    assert.ok(seen.status.metadata.get(TRAILING_KEY)[0].equals(trailing));
  },
  async client_compressed_unary() {
    const { response } = await unary('UnaryCall', { response_bytes: 314159, payload: payload(271828) }, new grpc.Metadata(), gzipClient);
    assert.strictEqual(response.payload.body.length, 314159);
  },
  async client_compressed_streaming() {
    const response = await streamInput(gzipClient);
    assert.strictEqual(response.aggregated_payload_bytes, REQUEST_BYTES.reduce((a, b) => a + b));
  },
};

(async () => {
  for (const name of names.split(',')) {
    let failure = null;
    try {
      await cases[name]();
    } catch (error) {
      failure = error.stack ?? String(error);
    }
    console.log(JSON.stringify({ case: name, failure }));
  }
  process.exit(0);
})();
