'use strict';
// The official interop cases on @grpc/grpc-js: the tables of `interop/official_cases.py` in another language.

const fs = require('node:fs');
const grpc = require('@grpc/grpc-js');
const { ECHO_INITIAL, ECHO_TRAILING, optionsOf, payload, testing } = require('./service.js');

const CALL_TIMEOUT_MS = 20_000;
const GOAWAY_TIMEOUT_MS = 1_000;
const SOAK_LATENCY_MAX_MS = 1_000;
let soakIterations = 20; // or as --soak-iterations says
const CONCURRENT_CALLS = 100;
const MAX_STREAMS_CALLS = 10;
const GZIP = { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip };
// The flag of a message that is sent as it is; grpc-js names it for TypeScript alone.
const NO_COMPRESS = 2;
const REQUEST_OCTETS = [27182, 8, 1828, 45904];
const RESPONSE_OCTETS = [31415, 9, 2653, 58979];
const LARGE_REQUEST_OCTETS = 271828;
const LARGE_RESPONSE_OCTETS = 314159;
const SPECIAL_MESSAGE = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';

class CheckFailed extends Error {}

function expect(isSo, text) {
  if (!isSo) {
    throw new CheckFailed(text);
  }
}

function expectPayload(message, octets) {
  const body = message.payload.body;
  expect(body.equals(Buffer.alloc(octets)), `a payload of ${body.length} octets; ${octets} zeros were due`);
}

function expectStatus(status, code, details) {
  expect(status.code === code, `status ${status.code}, ${JSON.stringify(status.details)}; ${code} was due`);
  if (details !== undefined) {
    const [said, due] = [status.details, details].map((text) => JSON.stringify(text));
    expect(said === due, `details ${said}; ${due} were due`);
  }
  return `${grpc.status[code]} ${JSON.stringify(status.details)}`;
}

/** A channel to a test server, and what the cases do on it. */
class TestClient {
  constructor(address, security, options = {}) {
    this.address = address;
    this.security = security;
    const credentials = security === null ? grpc.credentials.createInsecure() : grpc.credentials.createSsl(security.ca);
    const name = security === null ? {} : { 'grpc.ssl_target_name_override': security.name };
    this.options = { 'grpc.use_local_subchannel_pool': 1, ...name, ...options };
    this.stub = new testing.TestService(address, credentials, this.options);
    this.unimplemented = new testing.UnimplementedService(address, credentials, this.options);
  }

  /** Another client of the same server. */
  another(options = {}) {
    return new TestClient(this.address, this.security, options);
  }

  close() {
    this.stub.close();
    this.unimplemented.close();
  }

  /** What all calls are given: a deadline, and more. */
  callOptions(more = {}) {
    return { deadline: Date.now() + CALL_TIMEOUT_MS, ...more };
  }

  /** A call with one response, in full: {response, status, initial}. Its requests are an object or, streamed, many. */
  unary(method, request, metadata = new grpc.Metadata(), more = {}, stub = this.stub) {
    return new Promise((resolve) => {
      const done = {};
      const settle = () => 'status' in done && 'response' in done && resolve(done);
      const callback = (error, response) => {
        done.response = error ? null : response;
        settle();
      };
      const options = this.callOptions(more);
      const isStream = Array.isArray(request);
      const call = isStream
        ? stub[method](metadata, options, callback)
        : stub[method](request, metadata, options, callback);
      call.on('metadata', (initial) => (done.initial = initial));
      call.on('status', (status) => {
        done.status = status;
        settle();
      });
      if (isStream) {
        request.forEach((message) => call.write(message));
        call.end();
      }
    });
  }

  /** The response of a call that must succeed. */
  async succeed(method, request, more = {}) {
    const { response, status } = await this.unary(method, request, undefined, more);
    expectStatus(status, grpc.status.OK);
    return response;
  }

  /** A call with a stream of responses: `next` is the next response or null, `over` the status. */
  stream(method, request, metadata = new grpc.Metadata(), more = {}) {
    const options = this.callOptions(more);
    const call = request === null ? this.stub[method](metadata, options) : this.stub[method](request, metadata, options);
    const responses = [];
    const waiting = [];
    let isOver = false;
    const settle = () => {
      while (waiting.length && (responses.length || isOver)) {
        waiting.shift()(responses.length ? responses.shift() : null);
      }
    };
    const end = () => {
      isOver = true;
      settle();
    };
    call.on('data', (response) => {
      responses.push(response);
      settle();
    });
    call.on('metadata', (initial) => (call.initial = initial));
    call.on('end', end);
    call.on('error', end);
    call.over = new Promise((resolve) => call.on('status', resolve));
    call.next = () => {
      const next = new Promise((resolve) => waiting.push(resolve));
      settle();
      return next;
    };
    return call;
  }

  /** UnaryCall with large payloads both ways. */
  async largeUnary(fields = {}) {
    const request = { response_size: LARGE_RESPONSE_OCTETS, payload: payload(LARGE_REQUEST_OCTETS), ...fields };
    expectPayload(await this.succeed('UnaryCall', request), LARGE_RESPONSE_OCTETS);
  }

  async manyLargeUnary(calls) {
    await Promise.all(Array.from({ length: calls }, () => this.largeUnary()));
  }
}

const parameters = (...sizes) => sizes.map((size) => ({ size }));

async function expectEnd(call) {
  expect((await call.next()) === null, 'a response; the end of the stream was due');
  return expectStatus(await call.over, grpc.status.OK);
}

async function expectNext(call, octets) {
  const response = await call.next();
  expect(response !== null, `the responses ended; ${octets} octets were due`);
  expectPayload(response, octets);
}

const soaked = (latencies) => {
  const slowest = Math.max(...latencies);
  expect(slowest <= SOAK_LATENCY_MAX_MS, `a call took ${slowest} ms; ${SOAK_LATENCY_MAX_MS} ms are allowed`);
  return `${latencies.length} calls, the slowest ${slowest} ms`;
};

const timed = async (client) => {
  const begin = Date.now();
  await client.largeUnary();
  return Date.now() - begin;
};

/** Sends a message as it is where it does not say that it comes compressed. */
const plainWhereItSaysSo = (options, nextCall) => {
  const call = new grpc.InterceptingCall(nextCall(options));
  const send = call.sendMessageWithContext.bind(call);
  call.sendMessageWithContext = (context, message) => {
    const flags = message.expect_compressed.value ? 0 : NO_COMPRESS;
    send({ ...context, flags }, message);
  };
  return call;
};

const largeUnary = async (client) => {
  await client.largeUnary();
  return `${LARGE_RESPONSE_OCTETS} octets`;
};

const unimplemented = async (client, stub) =>
  expectStatus((await client.unary('UnimplementedCall', {}, undefined, {}, stub)).status, grpc.status.UNIMPLEMENTED);

const OFFICIAL = {
  async empty_unary(client) {
    // The response as it comes: protobuf.js does not show fields that the description does not have.
    const { path, requestSerialize } = testing.TestService.service.EmptyCall;
    const octets = await new Promise((resolve, reject) => {
      const callback = (error, response) => (error ? reject(error) : resolve(response.length));
      client.stub.makeUnaryRequest(path, requestSerialize, (octets) => octets, {}, client.callOptions(), callback);
    });
    expect(octets === 0, `a message of ${octets} octets; the empty one was due`);
    return 'the empty message';
  },

  large_unary: largeUnary,

  async client_streaming(client) {
    const requests = REQUEST_OCTETS.map((octets) => ({ payload: payload(octets) }));
    const total = (await client.succeed('StreamingInputCall', requests)).aggregated_payload_size;
    expect(total === 74922, `a sum of ${total}; 74922 was due`);
    return `a sum of ${total}`;
  },

  async server_streaming(client) {
    const call = client.stream('StreamingOutputCall', { response_parameters: parameters(...RESPONSE_OCTETS) });
    for (const octets of RESPONSE_OCTETS) {
      await expectNext(call, octets);
    }
    await expectEnd(call);
    return `${RESPONSE_OCTETS.length} responses`;
  },

  async ping_pong(client) {
    const call = client.stream('FullDuplexCall', null);
    for (const [i, octets] of RESPONSE_OCTETS.entries()) {
      call.write({ response_parameters: parameters(octets), payload: payload(REQUEST_OCTETS[i]) });
      await expectNext(call, octets);
    }
    call.end();
    await expectEnd(call);
    return `${RESPONSE_OCTETS.length} responses, one at a time`;
  },

  async empty_stream(client) {
    const call = client.stream('FullDuplexCall', null);
    call.end();
    await expectEnd(call);
    return 'no response, OK';
  },

  async cancel_after_begin(client) {
    const status = await new Promise((resolve) => {
      const call = client.stub.StreamingInputCall(client.callOptions(), () => {});
      call.on('status', resolve);
      call.cancel();
    });
    return expectStatus(status, grpc.status.CANCELLED);
  },

  async cancel_after_first_response(client) {
    const call = client.stream('FullDuplexCall', null);
    call.write({ response_parameters: parameters(RESPONSE_OCTETS[0]), payload: payload(REQUEST_OCTETS[0]) });
    await expectNext(call, RESPONSE_OCTETS[0]);
    call.cancel();
    return expectStatus(await call.over, grpc.status.CANCELLED);
  },

  async timeout_on_sleeping_server(client) {
    const call = client.stream('FullDuplexCall', null, undefined, { deadline: Date.now() + 1 });
    call.write({ payload: payload(REQUEST_OCTETS[0]) });
    return expectStatus(await call.over, grpc.status.DEADLINE_EXCEEDED);
  },

  async custom_metadata(client) {
    const metadata = new grpc.Metadata();
    metadata.add(ECHO_INITIAL, 'test_initial_metadata_value');
    metadata.add(ECHO_TRAILING, Buffer.from('ababab', 'hex'));
    const expectEcho = (initial, trailing) => {
      for (const [received, key] of [
        [initial, ECHO_INITIAL],
        [trailing, ECHO_TRAILING],
      ]) {
        const [values, due] = [received.get(key), metadata.get(key)].map((value) => JSON.stringify(value));
        expect(values === due, `${key} is ${values}; ${due} was due`);
      }
    };
    const done = await client.unary('UnaryCall', { response_size: 1, payload: payload(1) }, metadata);
    expectStatus(done.status, grpc.status.OK);
    expectEcho(done.initial, done.status.metadata);
    const call = client.stream('FullDuplexCall', null, metadata);
    call.write({ response_parameters: parameters(1), payload: payload(1) });
    await expectNext(call, 1);
    call.end();
    await expectEnd(call);
    expectEcho(call.initial, (await call.over).metadata);
    return 'both fields, with UnaryCall and with FullDuplexCall';
  },

  async status_code_and_message(client) {
    const status = { code: grpc.status.UNKNOWN, message: 'test status message' };
    const done = await client.unary('UnaryCall', { response_status: status });
    expectStatus(done.status, status.code, status.message);
    const call = client.stream('FullDuplexCall', null);
    call.write({ response_status: status });
    call.end();
    return expectStatus(await call.over, status.code, status.message);
  },

  async special_status_message(client) {
    const status = { code: grpc.status.UNKNOWN, message: SPECIAL_MESSAGE };
    const done = await client.unary('UnaryCall', { response_status: status });
    return expectStatus(done.status, status.code, SPECIAL_MESSAGE);
  },

  unimplemented_method: (client) => unimplemented(client, client.stub),

  unimplemented_service: (client) => unimplemented(client, client.unimplemented),

  async rpc_soak(client) {
    const latencies = [];
    for (let i = 0; i < soakIterations; i += 1) {
      latencies.push(await timed(client));
    }
    return soaked(latencies);
  },

  async channel_soak(client) {
    const latencies = [];
    for (let i = 0; i < soakIterations; i += 1) {
      const other = client.another();
      latencies.push(await timed(other));
      other.close();
    }
    return soaked(latencies);
  },

  async concurrent_large_unary(client) {
    await client.manyLargeUnary(CONCURRENT_CALLS);
    return `${CONCURRENT_CALLS} calls at once`;
  },

  async client_compressed_unary(client) {
    const probe = { expect_compressed: { value: true }, payload: payload(LARGE_REQUEST_OCTETS) };
    expectStatus((await client.unary('UnaryCall', probe)).status, grpc.status.INVALID_ARGUMENT);
    const compressing = client.another(GZIP);
    await compressing.largeUnary({ expect_compressed: { value: true } });
    compressing.close();
    await client.largeUnary({ expect_compressed: { value: false } });
    return 'a wrong announcement fails, a compressed and an uncompressed request do not';
  },

  async client_compressed_streaming(client) {
    const compressed = { payload: payload(27182), expect_compressed: { value: true } };
    const plain = { payload: payload(45904), expect_compressed: { value: false } };
    const probe = await client.unary('StreamingInputCall', [compressed]);
    expectStatus(probe.status, grpc.status.INVALID_ARGUMENT);
    const compressing = client.another(GZIP);
    const more = { interceptors: [plainWhereItSaysSo] };
    const { aggregated_payload_size: total } = await compressing.succeed('StreamingInputCall', [compressed, plain], more);
    compressing.close();
    expect(total === 73086, `a sum of ${total}; 73086 was due`);
    return `a wrong announcement fails; a sum of ${total}`;
  },
};

/** The calls fail, and do so with their streams. */
const reset = async (client) => {
  const { status } = await client.unary('UnaryCall', { response_size: LARGE_RESPONSE_OCTETS });
  expect(status.code !== grpc.status.OK, 'the call succeeded; its stream was reset before the trailers');
  expect(status.code !== grpc.status.DEADLINE_EXCEEDED, 'the call did not end with its stream but at its deadline');
  return `${grpc.status[status.code]} ${JSON.stringify(status.details)}`;
};

const NEGATIVE = {
  async goaway(client) {
    await client.largeUnary();
    const channel = client.stub.getChannel();
    const { READY } = grpc.connectivityState;
    if (channel.getConnectivityState(false) === READY) {
      await new Promise((resolve, reject) => {
        channel.watchConnectivityState(READY, Date.now() + GOAWAY_TIMEOUT_MS, (error) =>
          error ? reject(error) : resolve(),
        );
      });
    }
    await client.largeUnary();
    return 'two calls, a GOAWAY between them';
  },

  rst_after_header: reset,
  rst_during_data: reset,
  rst_after_data: reset,
  ping: largeUnary,

  async max_streams(client) {
    await client.largeUnary();
    await client.manyLargeUnary(MAX_STREAMS_CALLS);
    return `${MAX_STREAMS_CALLS} calls, one stream at a time`;
  },

  data_frame_padding: largeUnary,
  no_df_padding_sanity_test: largeUnary,
};

async function main() {
  const options = optionsOf('addr', 'suite', 'check', 'tls-ca', 'tls-name', 'soak-iterations');
  const isNegative = options.suite === 'negative';
  const cases = isNegative ? NEGATIVE : OFFICIAL;
  const names = options.check?.split(',') ?? Object.keys(cases);
  const addresses = options.addr.split(',');
  const security = options['tls-ca'] ? { ca: fs.readFileSync(options['tls-ca']), name: options['tls-name'] } : null;
  let client = isNegative ? null : new TestClient(options.addr, security);
  soakIterations = Number(options['soak-iterations'] ?? soakIterations);
  let allHeld = true;
  for (const [i, name] of names.entries()) {
    if (isNegative) {
      client = new TestClient(addresses[i], security);
    }
    let outcome;
    try {
      outcome = { check: name, ok: true, detail: await cases[name](client) };
    } catch (error) {
      allHeld = false;
      const detail = error instanceof CheckFailed ? error.message : String(error);
      outcome = { check: name, ok: false, detail };
    }
    console.log(JSON.stringify(outcome));
    if (isNegative) {
      client.close();
    }
  }
  process.exit(allHeld ? 0 : 1);
}

main();
