'use strict';
// A server for grpc.testing.TestService on @grpc/grpc-js. `interop/peers/command_line.py` says what it must do.

const { once } = require('node:events');
const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const grpc = require('@grpc/grpc-js');
const { ECHO_INITIAL, ECHO_TRAILING, optionsOf, payload, testing } = require('./service.js');

/** Sends the one field as initial metadata; the other, to be sent as trailing metadata, is returned. */
function echoMetadata(call) {
  const initial = new grpc.Metadata();
  const trailing = new grpc.Metadata();
  call.metadata.get(ECHO_INITIAL).forEach((value) => initial.add(ECHO_INITIAL, value));
  call.metadata.get(ECHO_TRAILING).forEach((value) => trailing.add(ECHO_TRAILING, value));
  if (call.metadata.get(ECHO_INITIAL).length) {
    call.sendMetadata(initial);
  }
  return trailing;
}

/** The status that a request asks for, or null. */
function askedStatus(request, metadata) {
  const status = request.response_status;
  return status && status.code ? { code: status.code, details: status.message, metadata } : null;
}

/** Writes what a request asks for. */
async function respond(call, request) {
  for (const { size, interval_us: interval } of request.response_parameters) {
    if (interval > 0) {
      await sleep(interval / 1000);
    }
    if (!call.write({ payload: payload(size) })) {
      await once(call, 'drain');
    }
  }
}

/** Answers the requests of a stream one after the other: as they come, or when the last has come. */
function respondToAll(call, waitsForEnd) {
  const trailing = echoMetadata(call);
  let answered = waitsForEnd ? once(call, 'end') : Promise.resolve();
  let isOver = false;
  const then = (step) => {
    const failed = (error) => end({ code: grpc.status.INTERNAL, details: String(error) });
    answered = answered.then(() => isOver || step()).catch(failed);
  };
  const end = (status) => {
    isOver = true;
    call.emit('error', status);
  };
  call.on('cancelled', () => (isOver = true));
  call.on('data', (request) =>
    then(() => {
      const status = askedStatus(request, trailing);
      return status === null ? respond(call, request) : end(status);
    }),
  );
  call.on('end', () => then(() => call.end(trailing)));
}

const implementation = {
  EmptyCall: (call, callback) => callback(null, {}),

  UnaryCall(call, callback) {
    const trailing = echoMetadata(call);
    const status = askedStatus(call.request, trailing);
    callback(status, { payload: payload(call.request.response_size) }, trailing);
  },

  async StreamingOutputCall(call) {
    const trailing = echoMetadata(call);
    await respond(call, call.request);
    call.end(trailing);
  },

  StreamingInputCall(call, callback) {
    let octets = 0;
    call.on('data', (request) => (octets += request.payload?.body?.length ?? 0));
    call.on('end', () => callback(null, { aggregated_payload_size: octets }));
  },

  FullDuplexCall: (call) => respondToAll(call, false),

  HalfDuplexCall: (call) => respondToAll(call, true),
};

const options = optionsOf('port', 'tls-cert', 'tls-key');
const server = new grpc.Server();
// A method of the description that stands in no implementation is answered with UNIMPLEMENTED, as one unknown is.
server.addService(testing.TestService.service, implementation);
const credentials = options['tls-cert']
  ? grpc.ServerCredentials.createSsl(null, [
      { cert_chain: fs.readFileSync(options['tls-cert']), private_key: fs.readFileSync(options['tls-key']) },
    ])
  : grpc.ServerCredentials.createInsecure();
server.bindAsync(`127.0.0.1:${options.port ?? 0}`, credentials, (error, port) => {
  if (error) {
    console.error(`cannot listen: ${error.message}`);
    process.exit(1);
  }
  console.log(`LISTENING 127.0.0.1:${port}`);
});

function stop() {
  server.forceShutdown();
  process.exit(0);
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.stdin.on('end', stop).on('error', stop).resume();
